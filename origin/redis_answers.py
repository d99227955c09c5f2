"""The ``redis`` layer: answers that all origins share. Redis being slow, stopped or gone is a miss, never an error."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from hashlib import blake2b

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from origin.memory_answers import Kept
from shared.breaker import CircuitBreaker

_PREFIX = b"doorstep:answer:"
_BATCH = 128
_QUEUE = 1024
_log = logging.getLogger(__name__)


def connect(url: str, timeout_ms: int) -> redis.Redis:
    """A client that never waits longer than ``timeout_ms``, for a connection or for a reply, and never retries."""
    timeout_s = timeout_ms / 1000
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=64,
        timeout=timeout_s,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
    )
    return redis.Redis.from_pool(pool)


class RedisAnswers:
    """Answers under ``doorstep:answer:<hash of the key>``, as ``fresh until, epoch seconds \\n model \\n body``.

    ``clock`` gives epoch seconds: unlike the other tiers', these entries outlive the process that wrote them.
    Writes are behind: :meth:`put` only queues, :meth:`write_forever` sends what is queued in one round trip.
    """

    def __init__(
        self, client: redis.Redis, *, ttl_s: float, stale_s: float, timeout_ms: int, clock: Callable[[], float]
    ) -> None:
        self._client = client
        self._ttl_s = ttl_s
        self._expire_ms = max(1, int((ttl_s + stale_s) * 1000))
        self._timeout_s = timeout_ms / 1000
        self._clock = clock
        self._breaker = CircuitBreaker(failures=3, pause=1.0)
        self._queue: deque[tuple[bytes, bytes]] = deque(maxlen=_QUEUE)
        self._queued = asyncio.Event()
        self._closing = False
        self.failures = 0

    async def get(self, key: str) -> tuple[Kept, bool] | None:
        """The answer and whether it is fresh; None for a miss or when Redis does not answer in time."""
        now_s = self._clock()
        if not self._breaker.allows(now_s):
            return None
        try:
            async with asyncio.timeout(self._timeout_s):
                value = await self._client.get(_name(key))
        except (redis.RedisError, OSError, TimeoutError) as error:
            self._failed(error)
            return None
        self._breaker.succeeded()
        kept = _read(value)
        return kept and (kept, now_s < kept.fresh_until_s)

    def put(self, key: str, body: bytes, model: bytes) -> None:
        """Queue a write. Of too many the oldest are dropped, for a cache may forget."""
        if self._ttl_s > 0:
            fresh_until_s = self._clock() + self._ttl_s
            self._queue.append((_name(key), b"%.3f\n%b\n%b" % (fresh_until_s, model, body)))
            self._queued.set()

    async def write_forever(self) -> None:
        """Send queued writes until :meth:`close`; cancelling is not enough, the client may swallow it."""
        while not self._closing:
            await self._queued.wait()
            self._queued.clear()
            while self._queue and not self._closing and self._breaker.allows(self._clock()):
                await self._write([self._queue.popleft() for _ in range(min(_BATCH, len(self._queue)))])

    async def reachable(self) -> bool:
        """Whether Redis answers a ping in time."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return bool(await self._client.ping())
        except (redis.RedisError, OSError, TimeoutError):
            return False

    async def close(self) -> None:
        """End the writing, whatever is still queued, and the connections."""
        self._closing = True
        self._queued.set()
        await self._client.aclose()

    async def _write(self, batch: list[tuple[bytes, bytes]]) -> None:
        pipe = self._client.pipeline(transaction=False)
        for name, value in batch:
            pipe.set(name, value, px=self._expire_ms)
        try:
            async with asyncio.timeout(self._timeout_s):
                await pipe.execute(raise_on_error=False)
        except (redis.RedisError, OSError, TimeoutError) as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        was_open = self._breaker.open
        self._breaker.failed(self._clock())
        self.failures += 1
        if self._breaker.open and not was_open:
            _log.warning("Redis does not answer (%r); answering without it", error)


def _name(key: str) -> bytes:
    return _PREFIX + blake2b(key.encode(), digest_size=16).hexdigest().encode()


def _read(value: object) -> Kept | None:
    """The entry in a stored value; None for anything else, which somebody else must have put there."""
    if not isinstance(value, bytes):
        return None
    parts = value.split(b"\n", 2)
    try:
        return Kept(parts[2], parts[1], float(parts[0]))
    except (IndexError, ValueError):
        return None
