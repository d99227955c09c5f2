"""The event log as everybody else sees it: append, consume by partition, look through, forget.

A log keeps each visitor's events in one partition, in the order in which they were appended. What was appended is
durable: :meth:`EventLog.append` returns only then.
"""

from binascii import crc32
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from shared.events import Event


class Position(NamedTuple):
    """A place in the log. Positions of one ``source`` grow; those of different sources cannot be compared.

    ``source`` (unsigned, 32 bits) stands for a log and one of its partitions: a log that is made anew is another
    source, though its offsets begin again. ``high`` (64 bits) and ``low`` (32 bits) are a Kafka offset and 0, or the
    two parts of a Redis stream id.
    """

    source: int
    high: int
    low: int = 0


def partition_of(visitor: str, partitions: int) -> int:
    """Where ``visitor``'s records lie; the same in every log, every process and every release."""
    return crc32(visitor.encode()) % partitions


def source_of(log: int, partition: int) -> int:
    """The source of a position: which log it is (16 bits, another number for one that is made anew), and where."""
    return (log & 0xFFFF) << 16 | partition


def partition_in(source: int) -> int:
    """The partition's number in what :func:`source_of` made."""
    return source & 0xFFFF


class Record(NamedTuple):
    """One entry of the log as it lies there. ``value`` may be anything: other programs append to logs, too."""

    position: Position
    visitor: str
    """From the entry's key; empty if it has none."""
    value: bytes
    appended_ms: int


class EventLog(Protocol):
    """The web process's end of the log; asynchronous."""

    async def open(self) -> None:
        """Connect, and make sure that the log is there. Raises :class:`shared.errors.Unavailable`."""

    async def append(self, events: Sequence[Event]) -> None:
        """Make ``events`` durable, all of them, or raise :class:`shared.errors.Unavailable`.

        After an exception any of them may be in the log or not: the caller sends them again, and the profile drops
        those that it knows by their id.
        """

    async def reachable(self) -> bool:
        """Whether an append is likely to work now."""

    async def close(self) -> None:
        """Let go of connections; whatever was not acknowledged is given up."""


class Consumer(Protocol):
    """The processor's end of the log; synchronous, belongs to one thread. Iterations see each partition in order.

    Several consumers of one group share the partitions among them; nobody else reads a partition while one has it.
    """

    def poll(self, most: int, timeout_s: float) -> Sequence[Record]:
        """The next records, at most ``most``; empty when none came within ``timeout_s``.

        Raises :class:`shared.errors.Unavailable` if the log is out of reach; polling again may help.
        """

    def lost(self) -> Sequence[int]:
        """Sources that this consumer no longer has since it was last asked: drop what is pending of them.

        Until it is asked :meth:`poll` hands out nothing more, so what a poll brings is never of a source that was
        lost before. A source that was lost may come back, from the last commit on.
        """

    def rewind(self) -> None:
        """Go back to what was last committed, in every partition: the store has forgotten what came after."""

    def commit(self, done: Mapping[int, Position]) -> None:
        """Never hand out records up to and including these positions (by source) again, to anyone in the group."""

    def lag(self) -> Mapping[int, int]:
        """Records not yet committed, by partition number, of the partitions that this consumer has."""

    def append(self, events: Sequence[Event]) -> None:
        """Make ``events`` durable, as :meth:`EventLog.append` does."""

    def close(self) -> None:
        """Give the partitions to others at once."""


class Archive(Protocol):
    """What lies in the log of one visitor; synchronous and slow, for export and erasure."""

    def of(self, visitor: str) -> Iterator[Record]:
        """Every record of ``visitor`` that the log still has."""

    def forget(self, visitor: str, until: Position | None = None) -> int:
        """Remove ``visitor``'s records up to and including ``until`` (all without it), and say how many there were.

        Where a log cannot remove at once (Kafka), it is told to with its next cleaning.
        """

    def trim(self, before_ms: int) -> int:
        """Remove records that were appended earlier and are committed, where the log does not do so by itself."""

    def close(self) -> None: ...
