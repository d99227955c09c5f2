"""Spans of a batch of events, as a collector receives them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from origin.tracing import NoTracing, open_tracing
from tests.conftest import StartOrigin
from tests.origin.pipeline import SECRET, wait_until

TRACE = "0af7651916cd43dd8448eb211c80319c"


@contextmanager
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """An address for OTLP over HTTP, and the bodies that came there."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", bodies
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_trace_goes_on_from_the_sender_through_the_log(
    home: Path, start_origin: StartOrigin, real_redis: str
) -> None:
    trace_service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    with collector() as (url, bodies):
        origin = start_origin(
            home, DOORSTEP_REDIS_URL=real_redis, DOORSTEP_SECRET=SECRET, DOORSTEP_OTLP_URL=url
        )  # fmt: skip
        event = {"id": "1", "type": "view", "item": "a"}
        headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
        response = httpx.post(f"{origin.url}/v1/events", json={"events": [event]}, headers=headers)
        assert response.status_code == 202
        origin.process.stop()  # it sends what is left
        wait_until(lambda: bodies)
    spans = {
        span.name: span
        for body in bodies
        for sent in trace_service.ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in sent.scope_spans
        for span in scope.spans
    }
    post, append = spans["POST /v1/events"], spans["append"]
    assert {span.trace_id.hex() for span in (post, append)} == {TRACE}
    assert post.parent_span_id.hex() == "b7ad6b7169203331"
    assert append.parent_span_id == post.span_id


@pytest.mark.parametrize("parent", ["", "nonsense", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "00-xyz-1-01"])
def test_what_is_no_parent_begins_a_new_trace(parent: str) -> None:
    with collector() as (url, _):
        tracing = open_tracing(url, "test")
        with tracing.span("one", parent) as traceparent:
            version, trace, span, flags = traceparent.split("-")
            assert (version, len(trace), len(span), int(flags, 16) & 1) == ("00", 32, 16, 1)
            with tracing.span("two", traceparent) as inner:
                assert inner.split("-")[1] == trace
        tracing.close()


def test_off_it_costs_nothing() -> None:
    tracing = open_tracing("", "test")
    assert isinstance(tracing, NoTracing)
    with tracing.span("one") as traceparent:
        assert traceparent == ""
