"""One isolate's state: its models, its caches, its counters. Requests share values here, never anything pending."""

from collections.abc import Callable

from edge.cache import Answers
from edge.http import Response
from edge.models import MakeKernel, Models
from edge.settings import Settings
from shared.breaker import CircuitBreaker


class Isolate:
    """``now_ms`` is the host's clock, set before every step; ``stopwatch`` gives seconds, for costs only."""

    def __init__(
        self,
        settings: Settings,
        make_kernel: MakeKernel,
        *,
        stopwatch: Callable[[], float],
        report: Callable[[str], None],
    ) -> None:
        self.settings = settings
        self.now_ms = 0.0
        self.stopwatch = stopwatch
        self.report = report
        self.models = Models(make_kernel)
        self.answers = Answers(settings, lambda: self.now_ms)
        self.breaker = CircuitBreaker(settings.breaker_failures, settings.breaker_open_ms)
        self.hits: dict[str, int] = {}
        self.next_refresh_ms = 0.0

    def answer(self, layer: str, model: str, body: str, started: float) -> Response:
        """A 200 from ``layer``, counted, with its cost since ``started`` (stopwatch seconds) in ``Server-Timing``."""
        self.hits[layer] = self.hits.get(layer, 0) + 1
        cost_ms = (self.stopwatch() - started) * 1000
        return Response(
            200,
            {
                "content-type": "application/json",
                "cache-control": "private, no-store",
                "doorstep-layer": layer,
                "doorstep-model": model,
                "server-timing": f"decide;dur={cost_ms:.3f}",
            },
            body,
        )
