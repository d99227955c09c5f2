"""Everything that is kept of one visitor, for that visitor."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any

from origin.eventlog.base import Archive
from origin.eventlog.encoding import decode
from origin.stream.deadletter import DeadLetters
from origin.visitors import Visitors
from shared.errors import BadInput
from shared.events import CODES, to_json
from shared.profile import describe

MOST_EVENTS = 10_000


class Exports:
    """Makes exports, one at a time: each reads a good part of the log. ``open_archive`` is called in a thread."""

    def __init__(
        self,
        visitors: Visitors,
        open_archive: Callable[[], Archive],
        dead: DeadLetters | None,
        clock: Callable[[], float],
    ) -> None:
        self._visitors = visitors
        self._open_archive = open_archive
        self._dead = dead
        self._clock = clock
        self._turn = asyncio.Lock()

    async def of(self, visitor: str, consent: str) -> dict[str, Any]:
        """What is known of ``visitor``, and of the one it was merged into. Raises :class:`Unavailable`."""
        met = await self._visitors.meet(visitor)
        names = {visitor, met.visitor}
        async with self._turn:
            events = await asyncio.to_thread(self._events, names)
            dead_letters = await asyncio.to_thread(self._dead_letters, names)
        return {
            "visitor": visitor,
            "merged_into": met.visitor if met.visitor != visitor else None,
            "consent": consent,
            "profile": describe(met.profile, int(self._clock())) if met.profile else None,
            **events,
            "dead_letters": dead_letters,
        }

    def _events(self, names: Collection[str]) -> Mapping[str, Any]:
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

    def _dead_letters(self, names: Collection[str]) -> list[dict[str, Any]]:
        letters = self._dead.all() if self._dead else ()
        return [
            {"time": int(letter.id.partition("-")[0]), "reason": letter.reason, "record": letter.record.value.hex()}
            for letter in letters
            if letter.record.visitor in names
        ]
