"""A histogram of seconds that costs the hot path one bisection."""

from bisect import bisect_left
from collections.abc import Sequence

from prometheus_client.core import HistogramMetricFamily, Metric


class Histogram:
    """Counts by upper bounds, in seconds. Not thread-safe."""

    def __init__(self, bounds_s: Sequence[float]) -> None:
        self.bounds_s = tuple(bounds_s)
        self.buckets = [0] * (len(bounds_s) + 1)
        self.sum_s = 0.0

    @property
    def count(self) -> int:
        return sum(self.buckets)

    def add(self, seconds: float, times: int = 1) -> None:
        """Count something that took ``seconds``, so many ``times``."""
        self.buckets[bisect_left(self.bounds_s, seconds)] += times
        self.sum_s += seconds * times

    def family(self, name: str, about: str) -> Metric:
        """The sample for Prometheus."""
        cumulated, total = [], 0
        for bound, count in zip([*map(str, self.bounds_s), "+Inf"], self.buckets, strict=True):
            total += count
            cumulated.append((bound, total))
        return HistogramMetricFamily(name, about, buckets=cumulated, sum_value=self.sum_s)
