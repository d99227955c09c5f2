"""What ``/metrics`` tells. :data:`METRICS` is the whole list and its documentation.

The hot path adds to plain integers of this process; they become Prometheus samples only when somebody asks.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector


class Layer(StrEnum):
    """Where an answer came from; the value of ``Doorstep-Layer``."""

    MEMORY = "origin-memory"
    REDIS = "redis"
    COMPUTED = "origin"
    POPULAR = "popular"


class Description(NamedTuple):
    name: str
    about: str
    labels: tuple[str, ...] = ()


ANSWERS = Description("doorstep_answers", "Answers given, by the layer they came from.", ("layer",))
STALE = Description("doorstep_stale_answers", "Answers that were stale and are being refreshed, by layer.", ("layer",))
COMPUTATIONS = Description("doorstep_computations", "Answers computed in this process, refreshes included.")
DECIDE_SECONDS = Description("doorstep_decide_seconds", "Time a computation took, from history to rendered answer.")
FAILURES = Description("doorstep_decide_failures", "Computations that raised; the popular list was served.")
REDIS_FAILURES = Description("doorstep_redis_failures", "Calls to Redis that failed or took too long.")
KEPT = Description("doorstep_memory_answers", "Answers in this process's memory now.")
MODEL_ITEMS = Description("doorstep_model_items", "Items of the model in service; 0 without one.", ("model", "rules"))
REFUSALS = Description("doorstep_model_refusals", "Published models or rules that this process refused.")
METRICS = (ANSWERS, STALE, COMPUTATIONS, DECIDE_SECONDS, FAILURES, REDIS_FAILURES, KEPT, MODEL_ITEMS, REFUSALS)

_BOUNDS_S = (0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25)


class Metrics:
    """The counts of one process's origin. Not thread-safe; belongs to the event loop."""

    def __init__(self) -> None:
        self.answers: Counter[Layer] = Counter(dict.fromkeys(Layer, 0))
        self.stale: Counter[Layer] = Counter({Layer.MEMORY: 0, Layer.REDIS: 0})
        self.failures = 0
        self.redis_failures = 0
        self.refusals = 0
        self.kept = 0
        self.model = ("none", "none", 0)
        self._buckets = [0] * (len(_BOUNDS_S) + 1)
        self._sum_s = 0.0

    def computed(self, seconds: float) -> None:
        """Count one computation."""
        self._buckets[bisect_left(_BOUNDS_S, seconds)] += 1
        self._sum_s += seconds

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        registry = CollectorRegistry()
        registry.register(_Reading(self))
        return generate_latest(registry)

    def families(self) -> Iterator[Metric]:
        """The samples, one family per entry of :data:`METRICS`, in its order."""
        yield _by_layer(ANSWERS, self.answers)
        yield _by_layer(STALE, self.stale)
        yield CounterMetricFamily(COMPUTATIONS.name, COMPUTATIONS.about, sum(self._buckets))
        yield self._decide_seconds()
        yield CounterMetricFamily(FAILURES.name, FAILURES.about, self.failures)
        yield CounterMetricFamily(REDIS_FAILURES.name, REDIS_FAILURES.about, self.redis_failures)
        yield GaugeMetricFamily(KEPT.name, KEPT.about, self.kept)
        items = GaugeMetricFamily(MODEL_ITEMS.name, MODEL_ITEMS.about, labels=MODEL_ITEMS.labels)
        items.add_metric(self.model[:2], self.model[2])
        yield items
        yield CounterMetricFamily(REFUSALS.name, REFUSALS.about, self.refusals)

    def _decide_seconds(self) -> Metric:
        counts, total = [], 0
        for bound, count in zip([*map(str, _BOUNDS_S), "+Inf"], self._buckets, strict=True):
            total += count
            counts.append((bound, total))
        return HistogramMetricFamily(DECIDE_SECONDS.name, DECIDE_SECONDS.about, buckets=counts, sum_value=self._sum_s)


class _Reading(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return self._metrics.families()


def _by_layer(what: Description, counts: Counter[Layer]) -> Metric:
    family = CounterMetricFamily(what.name, what.about, labels=what.labels)
    for layer, count in counts.items():
        family.add_metric([layer], count)
    return family
