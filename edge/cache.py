"""The isolate's answer cache: bounded in bytes, entries fresh for a while, then stale for a while, then gone."""

from collections.abc import Callable
from typing import NamedTuple

from cachetools import TTLCache

from edge.settings import Settings

_ENTRY = 500
"""Bytes of an entry besides its body: the key, and what Python keeps about it."""
_LONGEST_KEY = 2000


class Stored(NamedTuple):
    """An answer as it was given: rendered body, the model that gave it, and when (host's clock, ms)."""

    body: str
    model: str
    at_ms: float


class Answers:
    """Answers by key. ``clock_ms`` is the time of the request being handled."""

    def __init__(self, settings: Settings, clock_ms: Callable[[], float]) -> None:
        self._clock_ms = clock_ms
        self._fresh_ms = settings.isolate_ttl_s * 1000
        self._kept: TTLCache[str, Stored] = TTLCache(
            settings.isolate_bytes,
            (settings.isolate_ttl_s + settings.isolate_stale_s) * 1000,
            timer=clock_ms,
            getsizeof=lambda stored: len(stored.body) + _ENTRY,
        )
        self._claims: TTLCache[str, bool] = TTLCache(1024, settings.origin_deadline_ms * 2, timer=clock_ms)

    def get(self, key: str) -> Stored | None:
        """The answer under ``key``, fresh or stale."""
        return self._kept.get(key)

    def fresh(self, stored: Stored) -> bool:
        return self._clock_ms() - stored.at_ms < self._fresh_ms

    def put(self, key: str, stored: Stored) -> None:
        """Keep an answer, unless it is too large for the whole cache or its key is longer than any shop's question."""
        if len(key) <= _LONGEST_KEY and len(stored.body) + _ENTRY <= self._kept.maxsize:
            self._kept[key] = stored

    def claim(self, key: str) -> bool:
        """True for the one request that shall refresh ``key``; the claim lapses by itself if that request dies."""
        if key in self._claims:
            return False
        self._claims[key] = True
        return True

    def release(self, key: str) -> None:
        self._claims.pop(key, None)
