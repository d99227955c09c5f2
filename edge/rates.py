"""How much one sender may send: counts per minute, in this isolate, bounded in number."""

from collections.abc import Callable
from dataclasses import dataclass

from cachetools import TTLCache

from edge.errors import Later

_WINDOW_MS = 60_000
_SENDERS = 8192
"""Senders counted at once; of more than that the oldest begin anew."""


@dataclass(slots=True)
class _Count:
    count: int
    until_ms: float


class Rates:
    """A sender's minute begins with the first thing it sends. ``clock_ms`` is the time of the request being handled."""

    def __init__(self, most: int, clock_ms: Callable[[], float]) -> None:
        self._most = most
        self._clock_ms = clock_ms
        self._counts: TTLCache[str, _Count] = TTLCache(_SENDERS, _WINDOW_MS, timer=clock_ms)

    def take(self, sender: str, count: int) -> None:
        """Count ``count`` more of ``sender``. Raises :class:`Later` (429) if that is too much; then nothing is counted.

        The first batch of a minute always passes: refused for its size alone it could never be sent.
        """
        now_ms = self._clock_ms()
        counted = self._counts.get(sender)
        if counted is None:
            self._counts[sender] = _Count(count, now_ms + _WINDOW_MS)
        elif counted.count + count > self._most:
            wait_s = -int((now_ms - counted.until_ms) // 1000)
            detail = f"at most {self._most} events a minute from one sender"
            raise Later("too_many_events", detail, after_s=wait_s, status=429)
        else:
            counted.count += count
