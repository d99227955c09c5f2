"""A circuit breaker: after some failures in a row, do not even try for a while. Time is an argument."""


class Breaker:
    """Closed at first. Opens after ``failures`` in a row for ``open_ms``; then lets one try through at a time."""

    def __init__(self, failures: int, open_ms: int) -> None:
        self._limit = failures
        self._open_ms = open_ms
        self._failed = 0
        self._closed_again_ms = 0.0

    def allows(self, now_ms: float) -> bool:
        """Whether to try. When the pause is over one caller may; the others wait for its outcome or one more pause."""
        if self._failed < self._limit:
            return True
        if now_ms < self._closed_again_ms:
            return False
        self._closed_again_ms = now_ms + self._open_ms
        return True

    def succeeded(self) -> None:
        self._failed = 0

    def failed(self, now_ms: float) -> None:
        self._failed += 1
        if self._failed >= self._limit:
            self._closed_again_ms = now_ms + self._open_ms
