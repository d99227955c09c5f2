"""What ``/metrics`` tells. :data:`METRICS` is the whole list and its documentation (``docs/metrics.md``).

The hot path adds to plain integers of this process; they become Prometheus samples only when somebody asks.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from origin.event_counts import EventCounts, LiveCounts
from origin.histogram import Histogram
from origin.pipeline_figures import Pipeline


class Layer(StrEnum):
    """Where an answer came from; the value of ``Doorstep-Layer``."""

    MEMORY = "origin-memory"
    REDIS = "redis"
    COMPUTED = "origin"
    POPULAR = "popular"


class Description(NamedTuple):
    """``kind`` is counter, gauge or histogram. Counters get ``_total`` at the end of their names."""

    name: str
    about: str
    labels: tuple[str, ...] = ()
    kind: str = "counter"


_GAUGE, _HISTOGRAM = "gauge", "histogram"

ANSWERS = Description("doorstep_answers", "Answers given, by the layer they came from.", ("layer",))
STALE = Description("doorstep_stale_answers", "Answers that were stale and are being refreshed, by layer.", ("layer",))
COMPUTATIONS = Description("doorstep_computations", "Answers computed in this process, refreshes included.")
DECIDE_SECONDS = Description(
    "doorstep_decide_seconds", "Time a computation took, from history to rendered answer.", (), _HISTOGRAM
)
FAILURES = Description("doorstep_decide_failures", "Computations that raised; the popular list was served.")
REDIS_FAILURES = Description("doorstep_redis_failures", "Calls to Redis that failed or took too long.")
KEPT = Description("doorstep_memory_answers", "Answers in this process's memory now.", (), _GAUGE)
MODEL_ITEMS = Description(
    "doorstep_model_items", "Items of the model in service; 0 without one.", ("model", "rules"), _GAUGE
)
REFUSALS = Description("doorstep_model_refusals", "Published models or rules that this process refused.")
ACCEPTED = Description("doorstep_events_accepted", "Events that were acknowledged: the log has them.")
REJECTED = Description("doorstep_events_rejected", "Events that were not taken, by the reason's code.", ("code",))
DUPLICATES = Description("doorstep_events_duplicate", "Events that had been acknowledged before.")
WITHHELD = Description("doorstep_events_withheld", "Events not looked at, for want of consent.")
APPEND_SECONDS = Description("doorstep_append_seconds", "Time until the log had a request's events.", (), _HISTOGRAM)
APPEND_FAILURES = Description("doorstep_append_failures", "Requests whose events the log is not known to have.")
READS = Description("doorstep_profile_reads", "Profiles read for answers, by outcome.", ("outcome",))
LIVE = Description("doorstep_live_pages", "Open pages now, by transport.", ("transport",), _GAUGE)
PUSHES = Description("doorstep_pushes", "Lists pushed to open pages, by transport.", ("transport",))
PUSH_SECONDS = Description(
    "doorstep_push_seconds",
    "Time from a profile's publication, or the end of a page's pause, until its new list was handed to the connection.",
    (),
    _HISTOGRAM,
)
REDIS_UP = Description("doorstep_redis_up", "1 if Redis told the figures below in time, else 0.", (), _GAUGE)
REDIS_MEMORY = Description("doorstep_redis_memory_bytes", "Memory that Redis uses.", (), _GAUGE)
DEAD = Description("doorstep_dead_letters", "Dead letters waiting for somebody to look at them.", (), _GAUGE)
PROCESSORS = Description("doorstep_processors", "Processors that gave a sign of life lately.", (), _GAUGE)
LAG = Description("doorstep_log_lag", "Events in the log not yet folded, by partition.", ("partition",), _GAUGE)
FOLDED = Description("doorstep_folded", "Events folded into profiles, by processor.", ("processor",))
FOLD_DUPLICATES = Description(
    "doorstep_fold_duplicates", "Events dropped because their profile knew them, by processor.", ("processor",)
)
DEAD_MADE = Description("doorstep_processor_dead_letters", "Dead letters made, by processor.", ("processor",))
EVENT_SECONDS = Description(
    "doorstep_event_to_profile_seconds",
    "Time from an event's arrival until its profile was stored, of all processors.",
    (),
    _HISTOGRAM,
)
METRICS = (
    ANSWERS, STALE, COMPUTATIONS, DECIDE_SECONDS, FAILURES, REDIS_FAILURES, KEPT, MODEL_ITEMS, REFUSALS,
    ACCEPTED, REJECTED, DUPLICATES, WITHHELD, APPEND_SECONDS, APPEND_FAILURES, READS, LIVE, PUSHES, PUSH_SECONDS,
    REDIS_UP, REDIS_MEMORY, DEAD, PROCESSORS, LAG, FOLDED, FOLD_DUPLICATES, DEAD_MADE, EVENT_SECONDS,
)  # fmt: skip

_BOUNDS_S = (0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25)


def reference() -> str:
    """The metrics as a Markdown table: name, kind, labels, meaning."""
    rows = ["| metric | kind | labels | meaning |", "|---|---|---|---|"]
    for name, about, labels, kind in METRICS:
        full = f"{name}_total" if kind == "counter" else name
        rows.append(f"| `{full}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {about} |")
    return "\n".join(rows) + "\n"


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
        self.decide_seconds = Histogram(_BOUNDS_S)
        self.events = EventCounts()
        self.live = LiveCounts()
        self.reads: Mapping[str, int] = {}

    def computed(self, seconds: float) -> None:
        """Count one computation."""
        self.decide_seconds.add(seconds)

    def render(self, pipeline: Pipeline | None = None) -> bytes:
        """All metrics in Prometheus' text format; ``pipeline`` is what Redis told, or None."""
        registry = CollectorRegistry()
        registry.register(_Reading(self, pipeline))
        return generate_latest(registry)

    def families(self, pipeline: Pipeline | None) -> Iterator[Metric]:
        """The samples, one family per entry of :data:`METRICS`, in its order."""
        yield from self._of_answers()
        yield from self._of_events()
        yield from _of_pipeline(pipeline)

    def _of_answers(self) -> Iterator[Metric]:
        yield _labelled(ANSWERS, self.answers.items())
        yield _labelled(STALE, self.stale.items())
        yield _plain(COMPUTATIONS, self.decide_seconds.count)
        yield self.decide_seconds.family(DECIDE_SECONDS.name, DECIDE_SECONDS.about)
        yield _plain(FAILURES, self.failures)
        yield _plain(REDIS_FAILURES, self.redis_failures)
        yield _plain(KEPT, self.kept)
        yield _labelled(MODEL_ITEMS, [(self.model[:2], self.model[2])])
        yield _plain(REFUSALS, self.refusals)

    def _of_events(self) -> Iterator[Metric]:
        events, live = self.events, self.live
        yield _plain(ACCEPTED, events.accepted)
        yield _labelled(REJECTED, events.rejected.items())
        yield _plain(DUPLICATES, events.duplicates)
        yield _plain(WITHHELD, events.withheld)
        yield events.append_seconds.family(APPEND_SECONDS.name, APPEND_SECONDS.about)
        yield _plain(APPEND_FAILURES, events.append_failures)
        yield _labelled(READS, self.reads.items())
        yield _labelled(LIVE, live.open.items())
        yield _labelled(PUSHES, live.pushes.items())
        yield live.push_seconds.family(PUSH_SECONDS.name, PUSH_SECONDS.about)


class _Reading(Collector):
    def __init__(self, metrics: Metrics, pipeline: Pipeline | None) -> None:
        self._metrics = metrics
        self._pipeline = pipeline

    def collect(self) -> Iterator[Metric]:
        return self._metrics.families(self._pipeline)


def _of_pipeline(pipeline: Pipeline | None) -> Iterator[Metric]:
    """Figures that are not this process's own. Without Redis the families are there, but have no samples."""
    known = pipeline or Pipeline()
    yield _plain(REDIS_UP, int(pipeline is not None))
    for what, value in ((REDIS_MEMORY, known.memory_bytes), (DEAD, known.dead_letters)):
        yield _plain(what, value) if pipeline else _family(what)
    processors = known.processors
    yield _plain(PROCESSORS, len(processors)) if pipeline else _family(PROCESSORS)
    lag = {str(number): count for p in processors for number, count in p.lag.items()}
    yield _labelled(LAG, lag.items())
    yield _labelled(FOLDED, ((p.name, p.folded) for p in processors))
    yield _labelled(FOLD_DUPLICATES, ((p.name, p.duplicates) for p in processors))
    yield _labelled(DEAD_MADE, ((p.name, p.dead_letters) for p in processors))
    yield known.seconds.family(EVENT_SECONDS.name, EVENT_SECONDS.about)


def _family(what: Description) -> Any:
    kind = GaugeMetricFamily if what.kind == _GAUGE else CounterMetricFamily
    return kind(what.name, what.about, labels=what.labels)


def _plain(what: Description, value: float) -> Metric:
    family = _family(what)
    family.add_metric([], value)
    return family  # type: ignore[no-any-return]


def _labelled(what: Description, counts: Iterable[tuple[Any, float]]) -> Metric:
    family = _family(what)
    for labels, count in counts:
        family.add_metric(labels if isinstance(labels, tuple) else [labels], count)
    return family  # type: ignore[no-any-return]
