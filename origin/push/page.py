"""One open page: what it asked for, what it was sent last, what waits to be sent. Small, for there are thousands."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple

from shared.answer import Question
from shared.profile import Profile

UNSENT = "-"
"""Stands for a list that was not sent yet, in the ids of those that were."""


class Pushed(NamedTuple):
    """A list for the slot at ``place`` among the page's. ``seen`` names the lists of all its slots as of this one."""

    place: int
    seen: str
    body: bytes


class Page:
    """Made by a transport, kept by the hub.

    ``write`` sends one list to the browser, or with None a sign of life, and waits while the browser is slow: of each
    slot only the newest list waits behind it. ``drop`` ends the connection.
    """

    __slots__ = (
        "_begun",
        "_waiting",
        "_write",
        "_writer",
        "drop",
        "history",
        "next_s",
        "pending",
        "questions",
        "sent",
        "slow_since_s",
        "transport",
        "turn",
        "visitor",
    )

    def __init__(
        self,
        visitor: str,
        questions: tuple[Question, ...],
        history: tuple[str, ...],
        seen: str,
        *,
        transport: str,
        write: Callable[[Pushed | None], Awaitable[None]],
        drop: Callable[[], None],
    ) -> None:
        self.visitor = visitor
        self.questions = questions
        self.history = history
        """As of the request, newest first."""
        self.transport = transport
        self.drop = drop
        self.sent = _seen(seen, len(questions))
        """The ids of the lists that the browser has, by place."""
        self.next_s = 0.0
        """Not before then is anything sent, by the loop's clock."""
        self.pending: Profile | None = None
        """The newest profile, while it waits for ``next_s``."""
        self.turn = 0
        """Counts what is under way for this page: an older computation must not overtake a newer one."""
        self.slow_since_s = 0.0
        self._begun = False
        self._write = write
        self._waiting: dict[int, tuple[str, bytes]] = {}
        self._writer: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether something is on its way to the browser."""
        return self._writer is not None

    def begin(self) -> None:
        """The connection takes lists now."""
        self._begun = True
        if self._waiting:
            self._start(self._write_waiting())

    def offer(self, place: int, name: str, body: bytes) -> bool:
        """Send the list called ``name`` as soon as the browser takes it; False if it has it."""
        if self.sent[place] == name and place not in self._waiting:
            return False
        self._waiting[place] = (name, body)
        if self._begun and self._writer is None:
            self._start(self._write_waiting())
        return True

    def beat(self) -> None:
        """Send a sign of life, unless something else is on its way."""
        if self._begun and self._writer is None:
            self._start(self._write_beat())

    def close(self) -> None:
        """Send nothing more."""
        self._begun = False
        self._waiting.clear()
        self.pending = None
        if self._writer:
            self._writer.cancel()

    def _start(self, writing: Coroutine[Any, Any, None]) -> None:
        self._writer = asyncio.create_task(writing)
        self._writer.add_done_callback(self._written)

    async def _write_beat(self) -> None:
        await self._write(None)
        await self._write_waiting()

    async def _write_waiting(self) -> None:
        while self._waiting:
            place = next(iter(self._waiting))
            name, body = self._waiting.pop(place)
            if self.sent[place] != name:
                self.sent = (*self.sent[:place], name, *self.sent[place + 1 :])
                await self._write(Pushed(place, ",".join(self.sent), body))

    def _written(self, writer: "asyncio.Task[None]") -> None:
        self._writer = None
        self.slow_since_s = 0.0
        if not writer.cancelled() and writer.exception():
            self.drop()


def _seen(text: str, count: int) -> tuple[str, ...]:
    """The ids in a ``Last-Event-ID``, if they are as many as the page has slots; else none."""
    names = tuple(name or UNSENT for name in text.split(","))
    return names if len(names) == count else (UNSENT,) * count
