"""Opens after failures in a row, lets one through per pause, closes on success."""

from shared.breaker import CircuitBreaker


def test_opens_pauses_and_closes() -> None:
    breaker = CircuitBreaker(failures=2, pause=1)
    breaker.failed(10)
    assert breaker.allows(10)
    breaker.failed(10)
    assert breaker.open
    assert not breaker.allows(10.9)
    assert breaker.allows(11)
    assert not breaker.allows(11.5), "one caller tries; the others wait for its outcome"
    breaker.failed(11.6)
    assert not breaker.allows(12.5)
    assert breaker.allows(12.6)
    breaker.succeeded()
    assert breaker.allows(12.7)


def test_only_failures_in_a_row_count() -> None:
    breaker = CircuitBreaker(failures=2, pause=1)
    for _ in range(5):
        breaker.failed(0)
        breaker.succeeded()
    assert not breaker.open
