"""One isolate's state: its models, its caches, its counters. Requests share values here, never anything pending."""

from collections.abc import Callable

from edge.cache import Answers
from edge.http import Response
from edge.models import MakeKernel, Models
from edge.profiles import Profiles
from edge.rates import Rates
from edge.settings import Settings
from edge.visitors import Visitors
from shared.breaker import CircuitBreaker
from shared.visitor import edge_token


class Isolate:
    """``now_ms`` is the host's clock, set before every step; ``stopwatch`` gives seconds, for costs only.

    ``draw_bits(n)`` is a random whole number of n bits, for names that nobody has to guess.
    """

    def __init__(
        self,
        settings: Settings,
        make_kernel: MakeKernel,
        *,
        stopwatch: Callable[[], float],
        draw_bits: Callable[[int], int],
        report: Callable[[str], None],
    ) -> None:
        self.settings = settings
        self.now_ms = 0.0
        self.stopwatch = stopwatch
        self.draw_bits = draw_bits
        self.report = report
        self.models = Models(make_kernel)
        self.answers = Answers(settings, self._clock_ms)
        self.breaker = CircuitBreaker(settings.breaker_failures, settings.breaker_open_ms)
        self.events_breaker = CircuitBreaker(settings.breaker_failures, settings.breaker_open_ms)
        """Of its own: an origin whose log is away may well answer questions, and the other way round."""
        self.edge_token = edge_token(settings.secret) if settings.secret else ""
        self.visitors = Visitors(settings.secret)
        self.rates = Rates(settings.events_per_minute, self._clock_ms)
        self.profiles = Profiles(settings, self.edge_token, self._clock_ms, report)
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

    def _clock_ms(self) -> float:
        return self.now_ms
