"""A circuit breaker: after some failures in a row, do not even try for a while. Time is an argument."""


class CircuitBreaker:
    """Closed at first; ``failures`` in a row open it for ``pause``; then one caller per pause may try.

    ``pause`` and every ``now`` are in one unit of time of the caller's choosing.
    """

    def __init__(self, failures: int, pause: float) -> None:
        self._limit = failures
        self._pause = pause
        self._failed = 0
        self._open_until = 0.0

    @property
    def open(self) -> bool:
        return self._failed >= self._limit

    def allows(self, now: float) -> bool:
        """Whether to try now. True to one caller once the pause is over; the others go by its outcome."""
        if not self.open:
            return True
        if now < self._open_until:
            return False
        self._open_until = now + self._pause
        return True

    def succeeded(self) -> None:
        self._failed = 0

    def failed(self, now: float) -> None:
        self._failed += 1
        self._open_until = now + self._pause
