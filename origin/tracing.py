"""Spans for OpenTelemetry, if ``DOORSTEP_OTLP_URL`` says where they go; else nothing, at next to no cost.

A trace begins wherever the sender says (``traceparent``) and goes on in the processor: every event carries the
``traceparent`` of the request that brought it in ``context.trace``.
"""

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol
from urllib.parse import urlsplit

from shared.errors import BadInput

_HEX = frozenset("0123456789abcdef")
_ODD = frozenset("13579bdf")


class Tracing(Protocol):
    """Makes spans. ``parent`` is a W3C ``traceparent``; one that cannot be read begins a new trace."""

    def span(self, name: str, parent: str = "", **attributes: str | float) -> AbstractContextManager[str]:
        """A span for as long as the block takes; the block is given its ``traceparent``, empty without tracing."""

    def past(self, name: str, parent: str, start_ms: int, end_ms: int, **attributes: str | float) -> None:
        """A span that is over, in epoch milliseconds; only if ``parent`` names a trace that somebody looks at."""

    def close(self) -> None:
        """Send what is left; takes a few seconds at most. Belongs into a thread where a loop must go on."""


class NoTracing:
    """Off."""

    def __init__(self) -> None:
        self._nothing = contextlib.nullcontext("")

    def span(self, name: str, parent: str = "", **attributes: str | float) -> AbstractContextManager[str]:
        return self._nothing

    def past(self, name: str, parent: str, start_ms: int, end_ms: int, **attributes: str | float) -> None:
        return

    def close(self) -> None:
        return


def open_tracing(otlp_url: str, service: str) -> Tracing:
    """Tracing for the process called ``service`` ("origin", "processor"); off if ``otlp_url`` is empty.

    Raises :class:`BadInput` if it is on, but the packages of the extra ``trace`` are not installed.
    """
    if not otlp_url:
        return NoTracing()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise BadInput("no_tracing", f"DOORSTEP_OTLP_URL needs the extra `trace`: {error}") from error
    provider = TracerProvider(resource=Resource({"service.name": f"doorstep-{service}"}), shutdown_on_exit=False)
    endpoint = otlp_url if urlsplit(otlp_url).path.strip("/") else otlp_url.rstrip("/") + "/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, timeout=5)))
    return OpenTelemetry(provider)


class OpenTelemetry:
    """Tracing by a ``TracerProvider`` of the SDK, which is nobody else's."""

    def __init__(self, provider: Any) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("doorstep")

    @contextlib.contextmanager
    def span(self, name: str, parent: str = "", **attributes: str | float) -> Iterator[str]:
        with self._tracer.start_as_current_span(name, _context(parent), attributes=attributes) as span:
            about = span.get_span_context()
            yield f"00-{about.trace_id:032x}-{about.span_id:016x}-{int(about.trace_flags):02x}"

    def past(self, name: str, parent: str, start_ms: int, end_ms: int, **attributes: str | float) -> None:
        if not _sampled(parent) or (context := _context(parent)) is None:
            return
        span = self._tracer.start_span(name, context, attributes=attributes, start_time=start_ms * 1_000_000)
        span.end(max(start_ms, end_ms) * 1_000_000)  # the clocks of two machines

    def close(self) -> None:
        self._provider.shutdown()


def _sampled(parent: str) -> bool:
    """Whether the last bit of the flags is set, which the 55th character says."""
    return parent[54:55] in _ODD


def _context(parent: str) -> Any:
    """The context in which a span continues ``parent``; None, which means the current one, without a parent."""
    parts = parent.split("-")
    lengths = [len(part) for part in parts[:4]]
    if lengths != [2, 32, 16, 2] or not _HEX.issuperset("".join(parts[:4])):
        return None
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    trace_id, span_id, flags = (int(part, 16) for part in parts[1:4])
    if not trace_id or not span_id:
        return None
    return set_span_in_context(NonRecordingSpan(SpanContext(trace_id, span_id, True, TraceFlags(flags))))
