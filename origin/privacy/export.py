"""Everything that is kept of one visitor, for that visitor."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from origin.eventlog.base import Archive
from origin.eventlog.encoding import decode
from origin.privacy.dead import DeadLetters
from origin.visitors import Visitors
from shared.errors import BadInput
from shared.events import CODES, to_json
from shared.profile import describe

MOST_EVENTS = 10_000


class Exports:
    """Makes exports, one at a time: each reads a good part of the log. ``open_archive`` is called in a thread."""

    def __init__(
        self, visitors: Visitors, open_archive: Callable[[], Archive], dead: DeadLetters, clock: Callable[[], float]
    ) -> None:
        self._visitors = visitors
        self._open_archive = open_archive
        self._dead = dead
        self._clock = clock
        self._turn = asyncio.Lock()

    async def of(self, visitor: str, consent: str) -> dict[str, Any]:
        """What is known of ``visitor``, and of the one it was merged into. Raises :class:`Unavailable`."""
        met = await self._visitors.meet(visitor)
        names = list(dict.fromkeys((visitor, met.visitor)))
        async with self._turn:
            events = await asyncio.to_thread(self._events, names)
        return {
            "visitor": visitor,
            "merged_into": met.visitor if met.visitor != visitor else None,
            "consent": consent,
            "profile": describe(met.profile, int(self._clock())) if met.profile else None,
            **events,
            "dead_letters": [letter for name in names for letter in await self._dead.of(name)],
        }

    def _events(self, names: Iterable[str]) -> Mapping[str, Any]:
        found: list[dict[str, Any]] = []
        unreadable = 0
        archive = self._open_archive()
        try:
            for name in names:
                for record in archive.of(name):
                    try:
                        event = decode(record.value)
                    except BadInput:
                        unreadable += 1
                        continue
                    if event.type in CODES:
                        found.append({**to_json(event), "context": event.context._asdict()})
                    if len(found) >= MOST_EVENTS:
                        return {"events": found, "unreadable_events": unreadable, "more_events": True}
        finally:
            archive.close()
        return {"events": found, "unreadable_events": unreadable, "more_events": False}
