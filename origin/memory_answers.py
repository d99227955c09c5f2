"""The ``origin-memory`` layer: answers of the last seconds in this process, bounded in number."""

from collections.abc import Callable
from typing import NamedTuple

from cachetools import TTLCache


class Kept(NamedTuple):
    """A rendered answer in a cache. Times are seconds of the cache's own clock."""

    body: bytes
    model: bytes
    fresh_until_s: float


class MemoryAnswers:
    """Fresh for ``ttl_s``, then served stale for up to ``stale_s``, then gone."""

    def __init__(self, *, most: int, ttl_s: float, stale_s: float, clock: Callable[[], float]) -> None:
        self._ttl_s = ttl_s
        self._clock = clock
        self._kept: TTLCache[str, Kept] = TTLCache(most, ttl_s + stale_s, clock)

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: str) -> tuple[Kept, bool] | None:
        """The answer and whether it is fresh; None for a miss."""
        kept = self._kept.get(key)
        return kept and (kept, self._clock() < kept.fresh_until_s)

    def put(self, key: str, body: bytes, model: bytes) -> None:
        if self._ttl_s > 0:
            self._kept[key] = Kept(body, model, self._clock() + self._ttl_s)
