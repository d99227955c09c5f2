"""Profiles in Redis, for answers: one GET of one key, never waited for longer than a visitor would."""

import asyncio
import logging
from collections.abc import Callable

import redis.asyncio as redis

from origin.profiles.base import Stored
from origin.profiles.keys import profile_key, unseal
from shared.breaker import CircuitBreaker
from shared.errors import BadInput, Unavailable

_log = logging.getLogger(__name__)


class RedisProfiles:
    """The reading end. ``client`` is one of :func:`origin.redis_answers.connect`; who opened it closes it.

    ``clock`` gives seconds. After three failures in a row Redis is left alone for a second.
    """

    def __init__(self, client: redis.Redis, *, timeout_ms: int, clock: Callable[[], float]) -> None:
        self._client = client
        self._timeout_s = timeout_ms / 1000
        self._clock = clock
        self._breaker = CircuitBreaker(failures=3, pause=1.0)
        self.failures = 0

    async def get(self, visitor: str) -> Stored | None:
        """What is stored of ``visitor``. Raises :class:`Unavailable` if there is no answer in time.

        A value that is no profile counts as none: it is logged, and the visitor's next event replaces it.
        """
        if not self._breaker.allows(self._clock()):
            raise Unavailable("profiles_unavailable", "the profile store did not answer lately")
        try:
            async with asyncio.timeout(self._timeout_s):
                value = await self._client.get(profile_key(visitor))
        except (redis.RedisError, OSError, TimeoutError) as error:
            self._breaker.failed(self._clock())
            self.failures += 1
            raise Unavailable("profiles_unavailable", f"the profile store does not answer: {error!r}") from error
        self._breaker.succeeded()
        return opened(value) if isinstance(value, bytes) else None

    async def reachable(self) -> bool:
        """Whether the store answers in time."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return bool(await self._client.ping())
        except (redis.RedisError, OSError, TimeoutError):
            return False


def opened(value: bytes) -> Stored | None:
    """What lies in a stored value; None, and a line in the log, for one that cannot be read."""
    try:
        return unseal(value)
    except BadInput as error:
        _log.error("a stored profile of %d bytes is broken and counts as none: %s", len(value), error.detail)
        return None
