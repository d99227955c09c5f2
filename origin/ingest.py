"""The way of a batch of events at the origin: who sends, what of it counts, into the log, and only then an answer."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from cachetools import TTLCache

from origin.categories import COLUMN, Categories
from origin.event_counts import EventCounts
from origin.eventlog.base import EventLog
from origin.rate_limit import PerMinute
from origin.senders import Caller, Sender, Trust
from origin.tracing import Tracing
from shared.context import derive_visitor, fold_history
from shared.errors import DoorstepError, Unavailable
from shared.events import Batch, Context, Event, Rejected, read_batch, read_body
from shared.model import Model
from shared.visitor import (
    HISTORY_COOKIE,
    SESSION_MARK,
    VISITOR_COOKIE,
    cookie,
    forget_cookie,
    history_from_cookie,
    set_history,
    set_visitor,
    visitor_from_cookie,
)

_MOST_WAITING = 20_000
"""Events that wait for the log at once; beyond that it is clear that it does not keep up."""
_MOST_REMEMBERED = 200_000
_REMEMBERED_S = 600
_PER_ADDRESS = 10
"""An address stands for so many browsers, when they do not say who they are."""


class TooFast(DoorstepError):
    """More events than one browser sends. Later ones are welcome."""

    status = 429
    retry = True


class Taken(NamedTuple):
    """What became of a batch. ``cookies`` are values of ``Set-Cookie``."""

    accepted: int = 0
    duplicates: int = 0
    rejected: tuple[Rejected, ...] = ()
    withheld: int = 0
    cookies: tuple[str, ...] = ()


class Ingest:
    """Takes events in. ``model`` gives the model in service, ``clock`` epoch seconds; without a ``log`` it refuses."""

    def __init__(
        self,
        log: EventLog | None,
        trust: Trust,
        *,
        secret: str,
        deadline_ms: int,
        events_per_minute: int,
        model: Callable[[], Model | None],
        counts: EventCounts,
        tracing: Tracing,
        clock: Callable[[], float],
    ) -> None:
        self._log = log
        self._trust = trust
        self._secret = secret
        self._deadline_s = deadline_ms / 1000
        self._events_per_minute = events_per_minute
        self._model = model
        self._counts = counts
        self._tracing = tracing
        self._clock = clock
        self._rates = PerMinute(clock)
        self._categories = Categories()
        self._waiting = 0
        # Python's own hash is keyed by the process: what is kept here names nobody.
        self._appended: TTLCache[int, None] = TTLCache(_MOST_REMEMBERED, _REMEMBERED_S, clock)

    async def take(self, body: str, sender: Sender) -> Taken:
        """Take the batch in ``body``; when this returns, what was accepted is durable.

        Raises :class:`BadInput` for a batch that is wrong as a whole, :class:`TooFast`, and :class:`Unavailable` if
        the log is not known to have it all.
        """
        with self._tracing.span("POST /v1/events", sender.trace) as trace:
            caller = self._trust.caller(sender.authorization)
            data = read_body(body, trusted=caller is not Caller.BROWSER)
            now_ms = int(self._clock() * 1000)
            context = self._trust.context(caller, sender._replace(trace=trace or sender.trace), data, now_ms)
            if context.consent == "none":
                return self._withheld(len(data["events"]), sender)
            if caller is Caller.BROWSER:
                return await self._from_browser(data, context, sender, now_ms, trace)
            batch = read_batch(data, visitor="", context=context, now_ms=now_ms, trusted=True)
            return await self._append_new(batch, trace)

    def _withheld(self, count: int, sender: Sender) -> Taken:
        """Nothing is kept, and what an earlier consent has left in the browser is taken away."""
        self._counts.withheld += count
        held = [name for name in (VISITOR_COOKIE, HISTORY_COOKIE) if cookie(sender.cookie, name)]
        return Taken(withheld=count, cookies=tuple(forget_cookie(name, secure=sender.secure) for name in held))

    async def append(self, events: Sequence[Event], trace: str = "") -> None:
        """Make ``events`` durable within the deadline. Raises :class:`Unavailable`."""
        if self._log is None:
            raise Unavailable("no_log", "this origin has no event log: set DOORSTEP_REDIS_URL, or use `doorstep up`")
        if self._waiting + len(events) > _MOST_WAITING:
            raise Unavailable("log_behind", "the event log does not keep up; send it again in a moment")
        self._waiting += len(events)
        start = time.perf_counter()
        try:
            with self._tracing.span("append", trace, events=len(events)):
                async with asyncio.timeout(self._deadline_s):
                    await self._log.append(events)
        except (TimeoutError, Unavailable) as error:
            self._counts.append_failures += 1
            if isinstance(error, Unavailable):
                raise
            raise Unavailable("log_slow", "the event log did not answer in time; send it again") from error
        finally:
            self._waiting -= len(events)
        self._counts.append_seconds.add(time.perf_counter() - start)

    async def _from_browser(
        self, data: Mapping[str, Any], context: Context, sender: Sender, now_ms: int, trace: str
    ) -> Taken:
        visitor = visitor_from_cookie(self._secret, sender.cookie)
        session = context.consent == "session"
        if visitor and visitor.startswith(SESSION_MARK) != session:
            visitor = None  # consent has changed since: what was known under the other one stays apart
        self._check_rate(visitor or "", sender.address, len(data["events"]))
        who = visitor or derive_visitor(
            self._secret, data["events"], sender.address, sender.user_agent, session=session
        )
        batch = read_batch(data, visitor=who, context=context, now_ms=now_ms)
        taken = await self._append_new(batch, trace)
        if not batch.events:
            return taken
        cookies = () if visitor else (set_visitor(self._secret, who, secure=sender.secure),)
        before = history_from_cookie(sender.cookie)
        after = fold_history(before, batch.events)
        if after and (after != before or not visitor):
            cookies = (*cookies, set_history(after, context.consent, secure=sender.secure))
        return taken._replace(cookies=cookies)

    async def _append_new(self, batch: Batch, trace: str) -> Taken:
        """Append those that were not appended lately; remember them only once the log has them."""
        for reason in batch.rejected:
            self._counts.rejected[reason.code] += 1
        marks = [hash((event.visitor, event.id)) for event in batch.events]
        new = {m: self._enriched(e) for m, e in zip(marks, batch.events, strict=True) if m not in self._appended}
        if new:
            await self.append(list(new.values()), trace)
            self._appended.update(dict.fromkeys(new))
        duplicates = batch.duplicates + len(batch.events) - len(new)
        self._counts.accepted += len(new)
        self._counts.duplicates += duplicates
        return Taken(len(new), duplicates, batch.rejected)

    def _enriched(self, event: Event) -> Event:
        if not event.item or COLUMN in event.details:
            return event
        category = self._categories.of(event.item, self._model())
        return event._replace(details={**event.details, COLUMN: category}) if category else event

    def _check_rate(self, visitor: str, address: str, count: int) -> None:
        most = self._events_per_minute * (1 if visitor else _PER_ADDRESS)
        if most and not self._rates.allows(visitor or f"address {address}", count, most):
            raise TooFast("too_many_events", f"one browser sends at most {self._events_per_minute} events a minute")
