"""A circuit breaker: after some failures in a row, do not even try for a while. Time is an argument."""


class CircuitBreaker:
    """Closed at first; ``failures`` in a row open it for ``pause_s``; then one caller per pause may try."""

    def __init__(self, failures: int, pause_s: float) -> None:
        self._limit = failures
        self._pause_s = pause_s
        self._failed = 0
        self._open_until_s = 0.0

    @property
    def open(self) -> bool:
        return self._failed >= self._limit

    def allows(self, now_s: float) -> bool:
        """Whether to try now. True to one caller once the pause is over; the others go by its outcome."""
        if not self.open:
            return True
        if now_s < self._open_until_s:
            return False
        self._open_until_s = now_s + self._pause_s
        return True

    def succeeded(self) -> None:
        self._failed = 0

    def failed(self, now_s: float) -> None:
        self._failed += 1
        self._open_until_s = now_s + self._pause_s
