"""OpenTelemetry at the edge: continues a W3C trace, and tells a collector of its own span (OTLP over HTTP, JSON)."""

import json
import re
from collections.abc import Callable
from typing import NamedTuple

from edge.effects import EffectFailed, fetch

EXPORT_TIMEOUT_MS = 2000
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
_SERVER, _CLIENT_ERROR, _SERVER_ERROR = 2, 400, 500
_FAILED = 2


class Span(NamedTuple):
    """One request's part of a trace. ``start_ms`` is the host's clock."""

    trace_id: str
    span_id: str
    parent_id: str
    flags: str
    start_ms: float

    @property
    def traceparent(self) -> str:
        """The header that makes whoever gets it a child of this span."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"

    @property
    def sampled(self) -> bool:
        return bool(int(self.flags, 16) & 1)


def valid_traceparent(header: str) -> str:
    """``header`` if it is a ``traceparent`` of W3C Trace Context, version 00; else empty."""
    return header if _TRACEPARENT.fullmatch(header) else ""


def start_span(header: str, now_ms: float, draw_bits: Callable[[int], int]) -> Span:
    """A span in the trace that ``header`` (a ``traceparent``) names; without a valid one in a new, sampled trace."""
    span_id = f"{draw_bits(64) or 1:016x}"
    found = _TRACEPARENT.fullmatch(header)
    if found is None:
        return Span(f"{draw_bits(128) or 1:032x}", span_id, "", "01", now_ms)
    return Span(found[1], span_id, found[2], found[3], now_ms)


async def export(url: str, span: Span, name: str, status: int, end_ms: float, report: Callable[[str], None]) -> None:
    """Send ``span`` to the collector at ``url``; a collector that is away costs a line in the log, nothing else."""
    body = json.dumps(_otlp(span, name, status, end_ms), separators=(",", ":"))
    headers = {"content-type": "application/json"}
    try:
        reply = await fetch(f"{url}/v1/traces", EXPORT_TIMEOUT_MS, headers, "POST", body)
    except EffectFailed as error:
        report(f"could not export a span: {error}")
    else:
        if reply.status >= _CLIENT_ERROR:
            report(f"could not export a span: the collector answered {reply.status}")


def _otlp(span: Span, name: str, status: int, end_ms: float) -> dict[str, object]:
    """The JSON form of ``ExportTraceServiceRequest``; 64-bit integers are strings there."""
    told = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "parentSpanId": span.parent_id,
        "name": name,
        "kind": _SERVER,
        "startTimeUnixNano": str(int(span.start_ms) * 1_000_000),
        "endTimeUnixNano": str(int(end_ms) * 1_000_000),
        "attributes": [{"key": "http.response.status_code", "value": {"intValue": str(status)}}],
        "status": {"code": _FAILED} if status >= _SERVER_ERROR else {},
    }
    service = {"key": "service.name", "value": {"stringValue": "doorstep-edge"}}
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": [service]},
                "scopeSpans": [{"scope": {"name": "doorstep.edge"}, "spans": [told]}],
            }
        ]
    }
