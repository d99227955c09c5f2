"""The event log in Redis Streams: how it lies there, and the web process's end of it.

One stream per partition; a record is an entry with the fields ``visitor`` and ``event``. A description beside them
names the log and its number of partitions: it is written once, and a Redis that comes back empty has another one.
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from secrets import randbits
from typing import Any, NamedTuple

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff

from origin.eventlog.base import Position, Record, partition_of, source_of
from shared.errors import Unavailable
from shared.events import Event

DESCRIPTION = "doorstep:log:meta"
COMMITTED = "doorstep:log:committed"
CONSUMERS = "doorstep:log:consumers"
_CONNECTIONS = 64
Encode = Callable[[Event], bytes]


class Description(NamedTuple):
    """What :data:`DESCRIPTION` holds."""

    text: bytes
    log: int
    partitions: int

    def source(self, partition: int) -> int:
        return source_of(self.log, partition)


def stream_key(partition: int) -> str:
    return f"doorstep:log:{partition}"


def lease_key(partition: int) -> str:
    return f"doorstep:log:lease:{partition}"


def script(name: str) -> str:
    """The text of ``lua/<name>.lua``."""
    return (Path(__file__).parent / "lua" / f"{name}.lua").read_text("utf-8")


def describe(pipe: Any, partitions: int) -> None:
    """Ask for the description, and write one if there is none: :func:`described` reads the replies."""
    pipe.set(DESCRIPTION, json.dumps({"log": randbits(16), "partitions": partitions}), nx=True)
    pipe.get(DESCRIPTION)


def described(text: bytes) -> Description:
    """The description in ``text``."""
    data = json.loads(text)
    return Description(text, data["log"], data["partitions"])


def to_append(events: Sequence[Event], log: Description, encode: Encode) -> tuple[list[str], list[Any]]:
    """Keys and arguments of ``lua/append.lua``: one command and one reply, however many the events are."""
    keys, arguments = [DESCRIPTION], [log.text]
    for event in events:
        keys.append(stream_key(partition_of(event.visitor, log.partitions)))
        arguments += event.visitor.encode(), encode(event)
    return keys, arguments


def read_entry(source: int, id_: bytes, fields: Sequence[bytes]) -> Record:
    """An entry as Redis sends it. One that another program wrote in its own way has no visitor and no value."""
    high, _, low = id_.partition(b"-")
    position = Position(source, int(high), int(low))
    if len(fields) == 4 and fields[0] == b"visitor" and fields[2] == b"event":
        return Record(position, fields[1].decode(errors="replace"), fields[3], position.high)
    named = dict(zip(fields[::2], fields[1::2], strict=False))
    return Record(
        position, named.get(b"visitor", b"").decode(errors="replace"), named.get(b"event", b""), position.high
    )


@contextmanager
def answering() -> Iterator[None]:
    """Turns what the client raises into :class:`Unavailable`."""
    try:
        yield
    except (redis.RedisError, OSError, TimeoutError) as error:
        reason = str(error)[:200] or type(error).__name__
        raise Unavailable("log_unavailable", f"the event log's Redis does not answer: {reason}") from error


class RedisLog:
    """An :class:`~origin.eventlog.base.EventLog`. ``partitions`` is for a log that is made new.

    ``deadline_ms`` bounds every call.
    """

    def __init__(self, url: str, *, partitions: int, encode: Encode, deadline_ms: int) -> None:
        self._deadline_s = deadline_ms / 1000
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            url, max_connections=_CONNECTIONS, timeout=self._deadline_s, socket_timeout=self._deadline_s,
            socket_connect_timeout=self._deadline_s, retry=AsyncRetry(NoBackoff(), 1),
        )  # fmt: skip
        self._client = redis.asyncio.Redis.from_pool(pool)
        self._partitions = partitions
        self._encode = encode
        self._add = self._client.register_script(script("append"))
        self._log: Description | None = None

    async def open(self) -> None:
        await self._describe()

    async def append(self, events: Sequence[Event]) -> None:
        with answering():
            async with asyncio.timeout(self._deadline_s):
                log = self._log or await self._describe()
                while events and await self._add(*to_append(events, log, self._encode)) is None:
                    log = await self._describe()

    async def reachable(self) -> bool:
        try:
            async with asyncio.timeout(self._deadline_s):
                return bool(await self._client.ping())
        except (redis.RedisError, OSError, TimeoutError):
            return False

    async def risks(self) -> Sequence[str]:
        """Sentences on how this Redis may lose what was acknowledged; none if it cannot, or does not tell."""
        try:
            async with asyncio.timeout(self._deadline_s):
                config = await self._client.config_get("appendonly", "appendfsync", "maxmemory-policy", "maxmemory")
        except (redis.RedisError, OSError, TimeoutError) as error:
            return [f"whether Redis keeps the event log through a crash is not known: {str(error)[:200]}"]
        found = []
        if config.get("appendonly") == "no":
            found.append("Redis keeps the event log in memory only (appendonly no): a restart loses it")
        elif config.get("appendfsync") != "always":
            found.append(
                f"a crash of the machine loses the event log's last second (appendfsync {config['appendfsync']})"
            )
        if config.get("maxmemory") != "0" and str(config.get("maxmemory-policy")).startswith("allkeys"):
            found.append(f"Redis may evict the event log (maxmemory-policy {config['maxmemory-policy']})")
        return found

    async def close(self) -> None:
        await self._client.aclose()

    async def _describe(self) -> Description:
        with answering():
            async with asyncio.timeout(self._deadline_s):
                pipe = self._client.pipeline(transaction=False)
                describe(pipe, self._partitions)
                self._log = described((await pipe.execute())[-1])
        return self._log
