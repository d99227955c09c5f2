"""An event log in the process's memory: for tests, and to read what a log does. Nothing survives the process."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from origin.eventlog.base import Position, Record, partition_in, partition_of, source_of
from shared.errors import Unavailable
from shared.events import Event, to_record


class _Partition(NamedTuple):
    """``records`` grow; what was removed leaves None behind, so that a record's offset is its index."""

    source: int
    records: list[Record | None]


class MemoryLog:
    """An :class:`~origin.eventlog.base.EventLog`, which makes its own consumers and archive; safe for threads.

    ``clock_ms`` dates the records, ``encode`` makes their values, ``log`` is the number in their sources. While
    ``away`` is True everything raises :class:`Unavailable`, as if the server were gone.
    """

    def __init__(
        self,
        *,
        partitions: int = 4,
        log: int = 1,
        encode: Callable[[Event], bytes] = to_record,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.away = False
        self.changed = threading.Condition()
        self.partitions = [_Partition(source_of(log, number), []) for number in range(partitions)]
        self.committed = [-1] * partitions
        self.members: list[MemoryConsumer] = []
        self._encode = encode
        self._clock_ms = clock_ms

    async def open(self) -> None:
        self.check()

    async def append(self, events: Sequence[Event]) -> None:
        self.put([(event.visitor, self._encode(event)) for event in events])

    async def reachable(self) -> bool:
        return not self.away

    async def close(self) -> None:
        return

    def put(self, entries: Sequence[tuple[str, bytes]]) -> None:
        """Append values as they are: visitor and value of each."""
        self.check()
        with self.changed:
            for visitor, value in entries:
                source, records = self.partitions[partition_of(visitor, len(self.partitions))]
                records.append(Record(Position(source, len(records)), visitor, value, self._clock_ms()))
            self.changed.notify_all()

    def encode(self, events: Sequence[Event]) -> list[tuple[str, bytes]]:
        """What :meth:`put` takes."""
        return [(event.visitor, self._encode(event)) for event in events]

    def consumer(self) -> "MemoryConsumer":
        """One more consumer of the group; it shares the partitions with those that are not closed."""
        return MemoryConsumer(self)

    def archive(self) -> "MemoryArchive":
        """What lies in it, by visitor."""
        return MemoryArchive(self)

    def share_out(self) -> None:
        """Give every member its fair part of the partitions; those who lose one are told."""
        with self.changed:
            for place, member in enumerate(self.members):
                member.take(set(range(place, len(self.partitions), len(self.members))))
            self.changed.notify_all()

    def check(self) -> None:
        if self.away:
            raise Unavailable("log_unavailable", "the event log is away")


class MemoryConsumer:
    """A :class:`~origin.eventlog.base.Consumer` of a :class:`MemoryLog`."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self._next: dict[int, int] = {}
        """The offset to read from, by partition: the partitions that this consumer has."""
        self._lost: list[int] = []
        log.members.append(self)
        log.share_out()

    def poll(self, most: int, timeout_s: float) -> Sequence[Record]:
        self._log.check()
        with self._log.changed:
            self._log.changed.wait_for(lambda: self._lost or self._log.away or self._ahead(), timeout_s)
            self._log.check()
            return () if self._lost else self._read(most)

    def lost(self) -> Sequence[int]:
        with self._log.changed:
            lost, self._lost = self._lost, []
        return lost

    def rewind(self) -> None:
        with self._log.changed:
            self._next = {number: self._log.committed[number] + 1 for number in self._next}

    def commit(self, done: Mapping[int, Position]) -> None:
        self._log.check()
        with self._log.changed:
            for source, position in done.items():
                number = partition_in(source)
                self._log.committed[number] = max(self._log.committed[number], position.high)

    def lag(self) -> Mapping[int, int]:
        self._log.check()
        with self._log.changed:
            return {n: sum(r is not None for r in self._records(n)[self._log.committed[n] + 1 :]) for n in self._next}

    def append(self, events: Sequence[Event]) -> None:
        self._log.put(self._log.encode(events))

    def close(self) -> None:
        with self._log.changed:
            self._next.clear()
            if self in self._log.members:
                self._log.members.remove(self)
                self._log.share_out()

    def take(self, numbers: set[int]) -> None:
        """Have these partitions from now on."""
        self._lost += [self._log.partitions[n].source for n in self._next.keys() - numbers]
        self._next = {n: self._next.get(n, self._log.committed[n] + 1) for n in numbers}

    def _records(self, number: int) -> list[Record | None]:
        return self._log.partitions[number].records

    def _ahead(self) -> bool:
        return any(offset < len(self._records(number)) for number, offset in self._next.items())

    def _read(self, most: int) -> list[Record]:
        found: list[Record] = []
        for number, offset in self._next.items():
            there = self._records(number)[offset : offset + most - len(found)]
            self._next[number] = offset + len(there)
            found += [record for record in there if record]
        return found


class MemoryArchive:
    """An :class:`~origin.eventlog.base.Archive` of a :class:`MemoryLog`."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    def of(self, visitor: str) -> Iterator[Record]:
        self._log.check()
        records = self._log.partitions[partition_of(visitor, len(self._log.partitions))].records
        return iter([record for record in records if record and record.visitor == visitor])

    def forget(self, visitor: str, until: Position | None = None) -> int:
        found = [
            r.position for r in self.of(visitor) if until is None or (r.position[0] == until[0] and r.position <= until)
        ]
        with self._log.changed:
            for source, high, _ in found:
                self._log.partitions[partition_in(source)].records[high] = None
        return len(found)

    def trim(self, before_ms: int) -> int:
        self._log.check()
        removed = 0
        with self._log.changed:
            for (_, records), committed in zip(self._log.partitions, self._log.committed, strict=True):
                for offset, record in enumerate(records[: committed + 1]):
                    if record and record.appended_ms < before_ms:
                        records[offset] = None
                        removed += 1
        return removed

    def close(self) -> None:
        return
