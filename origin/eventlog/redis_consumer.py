"""The processor's end of the log in Redis Streams. Partitions are leased; one read asks for all that are held."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import redis

from origin.eventlog.base import Position, Record
from origin.eventlog.redis_streams import (
    COMMITTED,
    CONSUMERS,
    DESCRIPTION,
    Description,
    Encode,
    answering,
    describe,
    described,
    lease_key,
    read_entry,
    script,
    stream_key,
    to_append,
)
from shared.errors import Unavailable
from shared.events import Event

_START = b"0-0"
_COUNTED_AT_ONCE = 1000
"""Keeps Redis for less than a millisecond."""


class _Counted(NamedTuple):
    """``between`` records lie after ``since`` up to ``to``; both are stream ids."""

    since: bytes
    to: bytes
    between: int


class RedisConsumer:
    """A :class:`~origin.eventlog.base.Consumer`. ``client`` must wait for replies longer than ``lease_ms``.

    ``name`` differs from that of every other living consumer. One that ends without :meth:`close` keeps its
    partitions for ``lease_ms``. ``clock`` gives seconds, ``sleep`` waits for as many.
    """

    def __init__(
        self,
        client: redis.Redis,
        *,
        name: str,
        partitions: int,
        encode: Encode,
        lease_ms: int = 6000,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        # The client's own parsing makes a tuple, two lists and a dictionary of every record.
        self._client.response_callbacks.pop("XREAD", None)
        self._name = name
        self._partitions = partitions
        self._encode = encode
        self._lease_ms = lease_ms
        self._clock = clock
        self._sleep = sleep
        self._add = client.register_script(script("append"))
        self._share = client.register_script(script("share"))
        self._leave = client.register_script(script("leave"))
        self._commit = client.register_script(script("commit"))
        self._count = client.register_script(script("count"))
        self._log: Description | None = None
        self._read_to: dict[int, bytes] = {}
        """Up to which stream id each partition has been handed out: the partitions that this consumer has."""
        self._lost: list[int] = []
        self._counted: dict[int, _Counted] = {}
        self._renew_at = 0.0
        self._rewinding = False

    def poll(self, most: int, timeout_s: float) -> Sequence[Record]:
        try:
            with answering():
                if self._clock() >= self._renew_at:
                    self._renew()
                if self._rewinding:
                    self._read_to = self._committed(self._read_to)
                    self._rewinding = False
                if self._lost:
                    return ()
                wait_s = min(timeout_s, max(0.0, self._renew_at - self._clock()))
                if self._read_to:
                    return self._read(most, wait_s)
        except Unavailable:
            self._renew_at = 0.0  # much may have happened meanwhile
            raise
        self._sleep(wait_s)
        return ()

    def lost(self) -> Sequence[int]:
        lost, self._lost = self._lost, []
        return lost

    def rewind(self) -> None:
        """Done by the next :meth:`poll`, which reads nothing if it cannot be done."""
        self._rewinding = True

    def commit(self, done: Mapping[int, Position]) -> None:
        if done:
            with answering():
                self._commit([COMMITTED], [part for position in done.values() for part in position])

    def lag(self) -> Mapping[int, int]:
        """As promised; every record is counted once when it has come and once when it is done, inside Redis."""
        with answering():
            committed = self._committed(self._read_to)
            self._counted = {n: self._recount(n, done) for n, done in committed.items()}
        return {number: counted.between for number, counted in self._counted.items()}

    def append(self, events: Sequence[Event]) -> None:
        with answering():
            while events and self._add(*to_append(events, self._known(), self._encode)) is None:
                self._renew()

    def close(self) -> None:
        try:
            if self._log:
                self._leave([CONSUMERS, *map(lease_key, range(self._log.partitions))], [self._name])
        except (redis.RedisError, OSError):
            pass  # the leases run out by themselves
        self._read_to.clear()
        self._client.close()

    def _known(self) -> Description:
        if self._log is None:
            pipe = self._client.pipeline(transaction=False)
            describe(pipe, self._partitions)
            self._log = described(pipe.execute()[-1])
        return self._log

    def _renew(self) -> None:
        """Say that we are alive, learn which partitions are ours, and forget those which are not any more."""
        began = self._clock()
        has: list[int] | None = None
        while has is None:
            log = self._known()
            keys = [DESCRIPTION, CONSUMERS, *map(lease_key, range(log.partitions))]
            has = self._share(keys, [log.text, self._name, self._lease_ms])
            if has is None:  # another log
                self._lost += map(log.source, self._read_to)
                self._read_to, self._counted, self._log = {}, {}, None
        self._lost += [log.source(number) for number in self._read_to if number not in has]
        fresh = self._committed([number for number in has if number not in self._read_to])
        self._read_to = {number: self._read_to.get(number) or fresh[number] for number in has}
        self._renew_at = began + self._lease_ms / 3000

    def _committed(self, numbers: Any) -> dict[int, bytes]:
        if not numbers:
            return {}
        log = self._known()
        found: Any = self._client.hmget(COMMITTED, [str(log.source(number)) for number in numbers])
        return {number: id_ or _START for number, id_ in zip(numbers, found, strict=True)}

    def _read(self, most: int, wait_s: float) -> list[Record]:
        """What has come to the partitions, to each in turn first."""
        log = self._known()
        asked = dict(list(self._read_to.items())[:most])
        block = ("BLOCK", max(1, int(wait_s * 1000))) if wait_s else ()
        keys = {stream_key(number).encode(): number for number in asked}
        reply: Any = self._client.execute_command(  # type: ignore[no-untyped-call]
            "XREAD", "COUNT", most // len(asked), *block, "STREAMS", *keys, *asked.values()
        )
        if len(asked) < len(self._read_to):  # the others are next, whether or not these had anything
            for number in asked:
                self._read_to[number] = self._read_to.pop(number)
        records: list[Record] = []
        for key, entries in reply.items() if isinstance(reply, dict) else reply or ():
            number = keys[key]
            source = log.source(number)
            records += [read_entry(source, id_, fields) for id_, fields in entries]
            del self._read_to[number]  # to the end of the line
            self._read_to[number] = entries[-1][0]
        return records

    def _recount(self, number: int, committed: bytes) -> "_Counted":
        since, to, between = self._counted.get(number, _Counted(committed, committed, 0))
        come, to = self._count_all(number, to, b"+")
        gone, _ = self._count_all(number, since, committed)
        if _parts(to) <= _parts(committed):  # all is done: puts right what records that were forgotten made wrong
            return _Counted(committed, committed, 0)
        return _Counted(committed, to, max(0, between + come - gone))

    def _count_all(self, number: int, after: bytes, until: bytes) -> tuple[int, bytes]:
        total, found = 0, _COUNTED_AT_ONCE
        while found == _COUNTED_AT_ONCE:
            found, after = self._count([stream_key(number)], [after, until, _COUNTED_AT_ONCE])
            total += found
        return total, after


def _parts(id_: bytes) -> tuple[int, int]:
    high, _, low = id_.partition(b"-")
    return int(high), int(low)
