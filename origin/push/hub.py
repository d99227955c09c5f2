"""Pushes new lists to open pages: who has a page open, what changed, and how often each of them is told.

A profile that changes is published by the store's own write; every process hears of its own visitors only. A new model
or new rules concern everybody: those are told over some seconds, as after a loss of Redis.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from hashlib import blake2b
from typing import Any

from origin.event_counts import LiveCounts
from origin.profiles.base import Stored
from origin.profiles.keys import live_channel, unseal
from origin.push.channels import Channels
from origin.push.page import UNSENT, Page
from origin.recommend import Recommender
from origin.tracing import Tracing
from origin.visitors import Visitors
from shared.answer import Question
from shared.errors import BadInput, DoorstepError, Unavailable
from shared.profile import EMPTY, Profile, known, recall

_BEAT_S = 25
_STUCK_S = 60
"""A browser that takes nothing for so long is gone."""
_ATTEMPTS = 5
_SPREAD_S = 3.0
"""How long it takes to tell everybody."""
_log = logging.getLogger(__name__)
Lists = dict[tuple[Question, tuple[str, ...]], tuple[str, bytes] | None]
"""By question and history: the list and its name; None where there is none."""


class Hub:
    """The open pages of this process. ``redis_url`` may be empty: then pages are told of new models only.

    ``version`` names what all lists depend on: model and rules; when it changes, everybody is told.
    """

    def __init__(
        self,
        recommender: Recommender,
        visitors: Visitors,
        redis_url: str,
        *,
        version: Callable[[], object],
        most: int,
        min_ms: int,
        patience_ms: int,
        counts: LiveCounts,
        tracing: Tracing,
    ) -> None:
        self._recommender = recommender
        self._visitors = visitors
        self._version = version
        self._most = most
        self._min_s = min_ms / 1000
        self._patience_s = patience_ms / 1000
        self._counts = counts
        self._tracing = tracing
        self._pages: dict[str, set[Page]] = {}
        self._count = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._refreshing: asyncio.Task[None] | None = None
        self._channels = Channels(redis_url, heard=self._heard, back=self.refresh) if redis_url else None
        self._closing = False

    async def open(self, page: Page) -> None:
        """Take ``page`` in and offer it what it does not have yet. Whoever made it calls :meth:`close` in the end.

        Raises :class:`Unavailable` if there are too many, and whatever the question deserves.
        """
        if self._count >= self._most or self._closing:
            raise Unavailable("too_many_pages", f"this origin keeps at most {self._most} pages up to date")
        await self._enter(page)
        try:
            profile = await self._first_profile(page)
            if profile is None and UNSENT not in page.sent:
                return  # its lists may be better than what we could make now
            turn, history = page.turn, recall(page.history, profile or EMPTY)
            for place, question in enumerate(page.questions):
                asked = history if question.items is None else question.items
                made = await self._answer(question, asked, profile or EMPTY)
                if page.turn == turn:
                    page.offer(place, *made)
        except BaseException:
            self.close(page)
            raise

    def close(self, page: Page) -> None:
        """Forget ``page``. Once more does no harm."""
        page.close()
        self._leave(page)

    def refresh(self) -> None:
        """Read everybody's profile again and tell them what is new, over some seconds."""
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = self._go(self._refresh())

    async def run(self) -> None:
        """Listen, beat, and look for new models until cancelled."""
        if self._channels:
            self._go(self._channels.run())
        seen, tick = self._version(), 0
        while True:
            await asyncio.sleep(1)
            tick += 1
            if (version := self._version()) != seen:
                seen = version
                self.refresh()
            self._beat(tick)

    async def shut(self) -> None:
        """End all connections, and everything that runs for them."""
        self._closing = True
        for pages in list(self._pages.values()):
            for page in list(pages):
                page.drop()
        if self._channels:
            self._channels.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _first_profile(self, page: Page) -> Profile | None:
        """What is known of the page's visitor; None if the store does not tell."""
        try:
            visitor, profile = await self._visitors.meet(page.visitor)
        except Unavailable:
            return None
        if visitor != page.visitor:
            await self._move(page, visitor)
        return profile or EMPTY

    async def _enter(self, page: Page) -> None:
        channel = live_channel(page.visitor)
        first = channel not in self._pages
        self._pages.setdefault(channel, set()).add(page)
        self._count += 1
        self._counts.open[page.transport] += 1
        if first and self._channels:
            await self._channels.subscribe(channel, self._patience_s)

    async def _move(self, page: Page, visitor: str) -> None:
        """``page`` belongs to the visitor into whom its own was merged."""
        self._leave(page)
        page.visitor = visitor
        await self._enter(page)

    def _leave(self, page: Page) -> None:
        channel = live_channel(page.visitor)
        pages = self._pages.get(channel, set())
        if page not in pages:
            return
        pages.discard(page)
        self._count -= 1
        self._counts.open[page.transport] -= 1
        if not pages:
            del self._pages[channel]
            if self._channels and not self._closing:
                self._go(self._channels.unsubscribe(channel))

    def _heard(self, channel: str, message: bytes) -> None:
        pages = self._pages.get(channel)
        if not pages:
            return
        try:
            stored: Stored = unseal(message)
        except BadInput as error:
            _log.error("a published profile cannot be read: %s", error.detail)
            return
        if stored.profile.into:
            self._go(self._follow(list(pages), stored.profile.into))
        else:
            self._tell(pages, stored.profile)

    async def _follow(self, pages: list[Page], visitor: str) -> None:
        for page in pages:
            await self._move(page, visitor)
        if (profile := await self._visitors.known(visitor)) is not None:
            self._tell(pages, profile)

    def _tell(self, pages: Iterable[Page], profile: Profile) -> None:
        """Send those whose interval is over their new lists now, the others the newest state at its end."""
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        ready = []
        for page in pages:
            if now_s >= page.next_s:
                ready.append(page)
            else:
                if page.pending is None:
                    loop.call_at(page.next_s, self._due, page)
                page.pending = profile
        if ready:
            self._go(self._deliver(ready, profile, now_s))

    def _due(self, page: Page) -> None:
        profile, page.pending = page.pending, None
        if profile is not None:
            self._go(self._deliver([page], profile, asyncio.get_running_loop().time()))

    async def _deliver(self, pages: list[Page], profile: Profile, since_s: float) -> None:
        """Offer ``pages`` their lists; each distinct question is answered once."""
        lists: Lists = {}
        turns = []
        for page in pages:
            page.turn += 1
            turns.append(page.turn)
        for page, turn in zip(pages, turns, strict=True):
            # What the request itself told comes last here: the profile has had time to learn of it.
            history = recall(profile.items, EMPTY._replace(items=page.history))
            for place, question in enumerate(page.questions):
                asked = history if question.items is None else question.items
                if (question, asked) not in lists:
                    lists[question, asked] = await self._list(question, asked, profile)
                made = lists[question, asked]
                if made and page.turn == turn:
                    self._offer(page, place, *made, since_s)

    def _offer(self, page: Page, place: int, name: str, body: bytes, since_s: float) -> None:
        if page.offer(place, name, body):
            now_s = asyncio.get_running_loop().time()
            page.next_s = now_s + self._min_s
            self._counts.pushes[page.transport] += 1
            self._counts.push_seconds.add(now_s - since_s)

    async def _list(self, question: Question, history: tuple[str, ...], profile: Profile) -> tuple[str, bytes] | None:
        try:
            with self._tracing.span("push", slot=question.slot):
                return await self._answer(question, history, profile)
        except DoorstepError as error:
            _log.warning("could not push: %s", error)
            return None

    async def _answer(self, question: Question, history: tuple[str, ...], profile: Profile) -> tuple[str, bytes]:
        """A list's id, which is a hash of it, and the list."""
        body = (await self._recommender.answer(question, history, known(profile))).body
        return blake2b(body, digest_size=8).hexdigest(), body

    async def _refresh(self) -> None:
        channels = list(self._pages)
        for channel in channels:
            if pages := list(self._pages.get(channel, ())):
                await self._refresh_one(pages)
            await asyncio.sleep(_SPREAD_S / len(channels))

    async def _refresh_one(self, pages: list[Page]) -> None:
        for _ in range(_ATTEMPTS):
            try:
                visitor, profile = await self._visitors.meet(pages[0].visitor)
            except Unavailable:
                await asyncio.sleep(1)  # the store's circuit breaker may still be open
                continue
            if visitor != pages[0].visitor:
                await self._follow(pages, visitor)
            else:
                self._tell(pages, profile or EMPTY)
            return
        _log.warning("a page keeps its lists: its visitor's profile cannot be read")

    def _beat(self, tick: int) -> None:
        now_s = asyncio.get_running_loop().time()
        for pages in list(self._pages.values()):
            for page in list(pages):
                if page.busy:
                    page.slow_since_s = page.slow_since_s or now_s
                    if now_s - page.slow_since_s > _STUCK_S:
                        page.drop()
                elif (id(page) >> 8) % _BEAT_S == tick % _BEAT_S:
                    page.beat()

    def _go(self, what: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(what)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.error("open pages were not told", exc_info=error)
