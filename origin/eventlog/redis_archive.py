"""What lies in Redis Streams of one visitor. Slow: a stream knows no visitors, so a whole partition is read."""

from collections.abc import Iterator
from typing import Any

import redis

from origin.eventlog.base import Position, Record, partition_of
from origin.eventlog.redis_streams import (
    COMMITTED,
    DESCRIPTION,
    Description,
    answering,
    described,
    read_entry,
    stream_key,
)

_PAGE = 1000


class RedisArchive:
    """An :class:`~origin.eventlog.base.Archive`."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._client.response_callbacks.pop("XRANGE", None)  # as it comes, the same as from XREAD

    def of(self, visitor: str) -> Iterator[Record]:
        log = self._log()
        if log is None:
            return
        number = partition_of(visitor, log.partitions)
        source, name, after = log.source(number), visitor.encode(), "-"
        while True:
            with answering():
                page: Any = self._client.execute_command("XRANGE", stream_key(number), after, "+", "COUNT", _PAGE)  # type: ignore[no-untyped-call]
            records = (read_entry(source, id_, fields) for id_, fields in page if name in fields)
            yield from (record for record in records if record.visitor == visitor)
            if len(page) < _PAGE:
                return
            after = f"({page[-1][0].decode()}"

    def forget(self, visitor: str, until: Position | None = None) -> int:
        log = self._log()
        if log is None:
            return 0
        number = partition_of(visitor, log.partitions)
        if until is not None and until.source != log.source(number):
            return 0  # it was a place in another log
        found = [r.position for r in self.of(visitor) if until is None or r.position <= until]
        for start in range(0, len(found), _PAGE):
            ids = [f"{high}-{low}" for _, high, low in found[start : start + _PAGE]]
            with answering():
                self._client.xdel(stream_key(number), *ids)
        return len(found)

    def trim(self, before_ms: int) -> int:
        log = self._log()
        removed = 0
        for number in range(log.partitions if log else 0):
            with answering():
                committed: Any = self._client.hget(COMMITTED, str(log.source(number))) if log else None
            if committed:
                high, low = map(int, committed.split(b"-"))
                removed += self._trim(stream_key(number), min((before_ms, 0), (high, low + 1)))
        return removed

    def close(self) -> None:
        self._client.close()

    def _log(self) -> Description | None:
        with answering():
            text: Any = self._client.get(DESCRIPTION)
        return described(text) if text else None

    def _trim(self, key: str, first: tuple[int, int]) -> int:
        """Remove everything before stream id ``first``: whole nodes in small steps, then the rest of one."""
        minimum = "%d-%d" % first
        removed = 0
        with answering():
            while step := int(self._client.xtrim(key, minid=minimum, approximate=True, limit=10 * _PAGE)):
                removed += step
            removed += int(self._client.xtrim(key, minid=minimum, approximate=False))
        return removed
