"""Spans of a batch of events on its way into a profile, as a collector receives them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from origin.tracing import NoTracing, open_tracing
from shared.visitor import edge_token
from tests.conftest import StartOrigin
from tests.origin.pipeline import SECRET, pipeline, view, wait_until
from tests.processes import free_port

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
    try:
        yield f"http://127.0.0.1:{server.server_port}", bodies
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def spans_in(bodies: list[bytes]) -> list[tuple[str, Any]]:
    """Each span with the name of the service that sent it."""
    trace_service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    return [
        (sent.resource.attributes[0].value.string_value, span)
        for body in list(bodies)
        for sent in trace_service.ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in sent.scope_spans
        for span in scope.spans
    ]


def post_as_the_edge(url: str, traceparent: str, visitor: str, *ids: str) -> None:
    events = [view(id_, f"item-{id_}") for id_ in ids]
    context = {"country": "SE", "device": "mobile", "edge": "ARN", "bot": False, "trace": traceparent}
    response = httpx.post(
        f"{url}/v1/events",
        json={"events": events, "visitor": visitor, "consent": "full", "context": context},
        headers={"authorization": f"Bearer {edge_token(SECRET)}", "traceparent": traceparent},
        timeout=10,
    )
    assert response.status_code == 202, response.text


def test_a_trace_goes_on_from_the_sender_through_the_log(
    home: Path, start_origin: StartOrigin, real_redis: str
) -> None:
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
    spans = {span.name: span for _, span in spans_in(bodies)}
    post, append = spans["POST /v1/events"], spans["append"]
    assert {span.trace_id.hex() for span in (post, append)} == {TRACE}
    assert post.parent_span_id.hex() == "b7ad6b7169203331"
    assert append.parent_span_id == post.span_id


def test_a_trace_goes_on_from_the_edge_through_origin_and_log_into_the_profile(home: Path, tmp_path: Path) -> None:
    with collector() as (url, bodies):
        with pipeline(home, tmp_path, DOORSTEP_OTLP_URL=url) as pipe:
            post_as_the_edge(pipe.origin.url, f"00-{TRACE}-b7ad6b7169203331-01", "anna", "1", "2")
            post_as_the_edge(pipe.origin.url, f"00-{'d' * 32}-b7ad6b7169203332-00", "anna", "3")  # not sampled
            pipe.folded("anna", 3)
            assert pipe.processor.stop() == 0
            pipe.origin.process.stop()
        told = [(service, span) for service, span in spans_in(bodies) if span.trace_id.hex() == TRACE]
        assert sorted((service, span.name) for service, span in told) == [
            ("doorstep-origin", "POST /v1/events"), ("doorstep-origin", "append"),
            ("doorstep-processor", "fold"), ("doorstep-processor", "fold"),
        ]  # fmt: skip
        assert {span.trace_id.hex() for _, span in spans_in(bodies) if span.name in ("append", "fold")} == {TRACE}
        named = {span.name: span for _, span in told}
        post = named["POST /v1/events"]
        assert post.parent_span_id.hex() == "b7ad6b7169203331"
        for _, fold in told:
            if fold.name == "fold":
                assert fold.parent_span_id == post.span_id
                assert post.start_time_unix_nano - 10**6 <= fold.start_time_unix_nano <= fold.end_time_unix_nano
                assert {a.key for a in fold.attributes} == {"kind", "partition"}
        assert b"anna" not in b"".join(bodies)


def test_an_event_that_comes_again_makes_no_second_fold(home: Path, tmp_path: Path) -> None:
    with collector() as (url, bodies):
        with pipeline(home, tmp_path, DOORSTEP_OTLP_URL=url) as pipe:
            again = f"00-{'e' * 32}-b7ad6b7169203332-01"
            post_as_the_edge(pipe.origin.url, f"00-{TRACE}-b7ad6b7169203331-01", "anna", "1")
            other = pipe.start()  # it does not remember what the first one appended
            post_as_the_edge(other.url, again, "anna", "1", "2")
            pipe.folded("anna", 2)
            assert pipe.processor.stop() == 0
        folds = [span.trace_id.hex() for _, span in spans_in(bodies) if span.name == "fold"]
        assert folds == [TRACE, "e" * 32]


def test_a_collector_that_is_away_stops_nobody(home: Path, tmp_path: Path) -> None:
    with pipeline(home, tmp_path, DOORSTEP_OTLP_URL=f"http://127.0.0.1:{free_port()}") as pipe:
        post_as_the_edge(pipe.origin.url, f"00-{TRACE}-b7ad6b7169203331-01", "anna", "1")
        pipe.folded("anna", 1)
        assert pipe.processor.stop() == 0


def test_a_span_that_is_over_needs_a_parent_that_somebody_looks_at() -> None:
    with collector() as (url, bodies):
        tracing = open_tracing(url, "test")
        for parent in ("", "nonsense", f"00-{TRACE}-b7ad6b7169203331-00", f"00-{'0' * 32}-b7ad6b7169203331-01"):
            tracing.past("never", parent, 1000, 2000)
        tracing.past("once", f"00-{TRACE}-b7ad6b7169203331-01", 5000, 4000, kind="view")
        tracing.close()
        ((_, span),) = spans_in(bodies)
        assert (span.name, span.start_time_unix_nano, span.end_time_unix_nano) == ("once", 5 * 10**9, 5 * 10**9)


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
