"""How much one sender may send in a minute. Bounded in memory, whoever sends."""

from collections import Counter
from collections.abc import Callable

_MOST_SENDERS = 100_000
"""Counted one by one in a minute; whoever comes after that many shares one count."""


class PerMinute:
    """Counts by sender within a minute of the clock, which gives epoch seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._minute = 0
        self._counts: Counter[int] = Counter()
        """By Python's own hash, which is keyed by the process: nobody is named here."""

    def allows(self, sender: str, count: int, most: int) -> bool:
        """Whether ``sender`` may send ``count`` more; if so they are counted. ``most`` is for the whole minute."""
        minute = int(self._clock() // 60)
        if minute != self._minute:
            self._minute, self._counts = minute, Counter()
        mark = hash(sender)
        if mark not in self._counts and len(self._counts) >= _MOST_SENDERS:
            mark = 0
        if self._counts[mark] + count > most:
            return False
        self._counts[mark] += count
        return True
