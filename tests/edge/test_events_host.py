"""Events, profiles and live updates in real workerd, with a real HTTP server in the origin's place."""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection
from websockets.sync.server import serve as serve_websocket

from shared.events import Event
from shared.profile import EMPTY, fold, to_blob
from shared.visitor import edge_token, sign, verify
from tests.edge.conftest import Edge, Serve, eventually
from tests.edge.http_origin import HttpOrigin
from tests.edge.stepper import CHROME
from tests.models import make_model
from tests.processes import Process, free_port, running

MODEL = make_model(items=600)
SECRET = "a secret of the test"
ASK = "/v1/recommend?n=5"


@pytest.fixture
def origin() -> Iterator[HttpOrigin]:
    server = HttpOrigin()
    yield server
    server.stop()


@pytest.fixture
def start(bundle: Path, serve: Serve) -> Callable[..., Edge]:
    """Starts an edge in front of an origin's URL."""

    def start(url: str, **env: str) -> Edge:
        return serve(bundle, DOORSTEP_ORIGIN_URL=url, DOORSTEP_SECRET=SECRET, DOORSTEP_REFRESH_S="0", **env)

    return start


def browser(edge: Edge) -> httpx.Client:
    return httpx.Client(base_url=edge.url, timeout=20, headers={"user-agent": CHROME})


def batch(item: str = "a", kind: str = "click", n: int = 1) -> str:
    return json.dumps({"events": [{"id": f"e-{n}", "type": kind, "item": item, "time": int(time.time() * 1000)}]})


def problem(response: httpx.Response) -> tuple[int, str, bool]:
    assert response.headers["content-type"] == "application/problem+json"
    told = response.json()
    return response.status_code, told["code"], told["retry"]


def test_a_click_and_the_next_answer(start: Callable[..., Edge], origin: HttpOrigin) -> None:
    edge = start(origin.url)
    with browser(edge) as page:
        before = page.get(ASK).json()["items"]
        said = page.post("/v1/events", content=batch(before[1]["id"]), headers={"content-type": "text/plain"})
        assert (said.status_code, said.json()) == (202, {"accepted": 1, "duplicates": 0, "rejected": []})
        visitor, history = said.headers.get_list("set-cookie")
        assert visitor.startswith("doorstep_visitor=")
        assert "HttpOnly" in visitor
        assert history.startswith("doorstep_history=")
        after = page.get(ASK).json()["items"]
        assert after == page.get("/v1/recommend", params={"n": 5, "items": before[1]["id"]}).json()["items"]
        assert after != before
        again = page.post("/v1/events", content=batch(before[0]["id"], n=2))
        assert len(again.headers.get_list("set-cookie")) == 1, "the visitor is known by now"
        assert page.get(ASK).json()["items"] != after
    first, second = origin.received
    assert verify(SECRET, visitor.partition("=")[2].partition(";")[0]) == first["body"]["visitor"]
    assert second["body"]["visitor"] == first["body"]["visitor"]
    assert first["headers"]["authorization"] == f"Bearer {edge_token(SECRET)}"
    assert first["body"]["context"]["device"] == "desktop"


def test_cookies_of_one_visitor_never_reach_another(start: Callable[..., Edge], origin: HttpOrigin) -> None:
    edge = start(origin.url)
    tokens = set()
    for n in range(300):
        said = httpx.post(f"{edge.url}/v1/events", content=batch(f"i{n}", n=n), headers={"user-agent": CHROME})
        visitor, history = said.headers.get_list("set-cookie")
        assert history.startswith(f"doorstep_history=i{n};")
        tokens.add(visitor)
    assert len(tokens) == 300
    assert "set-cookie" not in httpx.get(edge.url + ASK).headers


def test_what_a_proxy_says_of_the_sender(start: Callable[..., Edge], origin: HttpOrigin) -> None:
    edge = start(origin.url)

    def visitor(**headers: str) -> str:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        httpx.post(f"{edge.url}/v1/events", content=batch(), headers={"user-agent": CHROME, **named})
        name: str = origin.received[-1]["body"]["visitor"]
        return name

    behind = visitor(x_forwarded_for="198.51.100.1, 192.0.2.7", cf_ipcountry="SE")
    assert origin.received[-1]["body"]["context"]["country"] == "SE"
    assert visitor(x_forwarded_for="203.0.113.5, 192.0.2.7") == behind, "what the client made up counts for nothing"
    assert visitor(x_forwarded_for="192.0.2.8") != behind
    assert visitor(cf_connecting_ip="192.0.2.7", x_forwarded_for="192.0.2.8") == behind


@pytest.mark.parametrize(("forwarded", "secure"), [("", 0), ("http", 0), ("https", 2), ("https, http", 2)])
def test_cookies_are_secure_behind_a_proxy_that_speaks_https(
    start: Callable[..., Edge], origin: HttpOrigin, forwarded: str, secure: int
) -> None:
    headers = {"user-agent": CHROME} | ({"x-forwarded-proto": forwarded} if forwarded else {})
    said = httpx.post(f"{start(origin.url).url}/v1/events", content=batch(), headers=headers)
    assert sum("; Secure" in line for line in said.headers.get_list("set-cookie")) == secure
    assert len(said.headers.get_list("set-cookie")) == 2


def test_a_profile_is_fetched_behind_an_answer(start: Callable[..., Edge], origin: HttpOrigin) -> None:
    item = MODEL.id(9)
    origin.profiles["v-1"] = to_blob(fold(EMPTY, Event("p-1", "v-1", "view", 1_763_700_000_000, item)))
    edge = start(origin.url)
    cookies = {"doorstep_visitor": sign(SECRET, "v-1")}
    expected = httpx.get(edge.url + ASK, params={"n": 5, "items": item}).json()
    assert httpx.get(edge.url + ASK, cookies=cookies).json() == httpx.get(edge.url + ASK).json()
    eventually(lambda: httpx.get(edge.url + ASK, cookies=cookies).json() == expected, edge)


def test_erasing_takes_every_cookie_away(start: Callable[..., Edge], origin: HttpOrigin) -> None:
    said = httpx.delete(f"{start(origin.url).url}/v1/me", cookies={"doorstep_visitor": sign(SECRET, "v-1")})
    assert said.status_code == 202
    assert [line.partition("=")[0] for line in said.headers.get_list("set-cookie")] == [
        "doorstep_visitor", "doorstep_history",
    ]  # fmt: skip


@contextmanager
def origin_process(port: int, log: Path) -> Iterator[Process]:
    command = [sys.executable, "-m", "tests.edge.http_origin", str(port)]
    with running(command, log=log, ready=f"http://127.0.0.1:{port}/healthz") as process:
        yield process


def test_a_killed_origin_costs_the_sender_a_repeat_and_nothing_else(start: Callable[..., Edge], tmp_path: Path) -> None:
    port = free_port()
    edge = start(f"http://127.0.0.1:{port}", DOORSTEP_BREAKER_OPEN_MS="200")
    with browser(edge) as page:
        with origin_process(port, tmp_path / "first.log") as process:
            assert page.post("/v1/events", content=batch()).status_code == 202
            process.kill()
        cookies = dict(page.cookies)
        for _ in range(5):
            refused = page.post("/v1/events", content=batch("b", n=2))
            assert problem(refused) == (503, "origin_unavailable", True)
            assert int(refused.headers["retry-after"]) >= 1
            assert dict(page.cookies) == cookies
            assert page.get(ASK).headers["doorstep-layer"] in ("edge", "isolate")
        with origin_process(port, tmp_path / "second.log"):
            eventually(lambda: page.post("/v1/events", content=batch("b", n=2)).status_code == 202, edge)
            (there,) = httpx.get(f"http://127.0.0.1:{port}/received").json()
            assert [e["item"] for e in there["body"]["events"]] == ["b"]
        assert page.cookies["doorstep_history"] == "b,a"


def test_an_origin_that_hangs_costs_no_more_than_the_deadline(start: Callable[..., Edge], origin: HttpOrigin) -> None:
    origin.delay_s = 3
    edge = start(origin.url, DOORSTEP_EVENTS_DEADLINE_MS="300")
    started = time.monotonic()
    assert problem(httpx.post(f"{edge.url}/v1/events", content=batch())) == (503, "origin_unavailable", True)
    assert time.monotonic() - started < 2


def test_a_page_that_is_left_has_sent_its_events(start: Callable[..., Edge], origin: HttpOrigin) -> None:
    """The first try fails after the sender has gone; the repeat comes all the same."""
    origin.delay_s = 0.5
    origin.refuses = 1
    edge = start(origin.url)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{edge.url}/v1/events", content=batch(), timeout=httpx.Timeout(10, read=0.1))
    eventually(lambda: len(origin.received) == 1, edge)
    assert httpx.get(f"{edge.url}/healthz").status_code == 200


@pytest.mark.parametrize("deep", ["[" * 200_000, '{"a":' * 50_000, '{"events":' + "[" * 100_000 + "]" * 100_000 + "}"])
def test_deep_json_does_not_end_the_interpreter(start: Callable[..., Edge], origin: HttpOrigin, deep: str) -> None:
    edge = start(origin.url)
    said = httpx.post(f"{edge.url}/v1/events", content=deep)
    assert problem(said) == (400, "bad_json", False)
    assert httpx.post(f"{edge.url}/v1/events", content=batch()).status_code == 202
    assert "Python failed" not in edge.process.output()


def test_events_while_the_interpreter_boots(bundle: Path, serve: Serve, origin: HttpOrigin) -> None:
    edge = serve(
        bundle, ready="/doorstep.js", DOORSTEP_BOOT="lazy", DOORSTEP_ORIGIN_URL=origin.url, DOORSTEP_SECRET=SECRET
    )
    early = httpx.post(f"{edge.url}/v1/events", content=batch())
    assert problem(early) == (503, "booting", True)
    assert early.headers["retry-after"] == "1"
    eventually(lambda: httpx.post(f"{edge.url}/v1/events", content=batch()).status_code == 202, edge)


def test_a_collector_is_told(start: Callable[..., Edge], origin: HttpOrigin) -> None:
    edge = start(origin.url, DOORSTEP_OTLP_URL=origin.url + "/collector")
    httpx.post(f"{edge.url}/v1/events", content=batch())
    eventually(lambda: len(origin.received) == 2, edge)
    events, told = origin.received
    trace = events["headers"]["traceparent"]
    assert events["body"]["context"]["trace"] == trace
    assert told["path"] == "/collector/v1/traces"
    (span,) = told["body"]["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert [span["traceId"], span["spanId"]] == trace.split("-")[1:3]


# --- live updates ----------------------------------------------------------------------------------------------------


def test_server_sent_events_come_one_by_one(start: Callable[..., Edge], origin: HttpOrigin) -> None:
    edge = start(origin.url)
    headers = {"accept": "text/event-stream", "last-event-id": "41", "cookie": "doorstep_visitor=x"}
    with httpx.stream("GET", f"{edge.url}/v1/live?slot=home", headers=headers, timeout=10) as stream:
        assert stream.status_code == 200
        assert stream.headers["content-type"] == "text/event-stream"
        lines = stream.iter_lines()
        for n in range(5):  # the next one is not written before this one was read
            origin.pushed.put(str(n))
            assert next(lines) == f"data: {n}"
            assert next(lines) == ""
        origin.pushed.put("")
        assert list(lines) == []
    (asked,) = origin.received
    assert asked["path"] == "/v1/live?slot=home"
    assert {name: asked["headers"][name] for name in headers} == headers


@contextmanager
def echoing() -> Iterator[tuple[str, list[Any]]]:
    """A WebSocket server that sends back what it gets; and the requests that opened its connections."""
    asked: list[Any] = []

    def echo(connection: ServerConnection) -> None:
        asked.append(connection.request)
        for message in connection:
            connection.send(message)

    with serve_websocket(echo, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}", asked
        server.shutdown()
        thread.join()


def test_a_websocket_is_handed_on(start: Callable[..., Edge]) -> None:
    with echoing() as (url, asked):
        edge = start(url)
        address = edge.url.replace("http", "ws", 1) + "/v1/live?slot=home"
        with connect(address, additional_headers={"cookie": "doorstep_visitor=x"}) as page:
            for message in ("hello", "é" * 1000, b"\x00\x01"):
                page.send(message)
                assert page.recv(timeout=5) == message
        assert asked[0].path == "/v1/live?slot=home"
        assert asked[0].headers["cookie"] == "doorstep_visitor=x"


def test_live_updates_without_an_origin(start: Callable[..., Edge]) -> None:
    away = httpx.get(f"{start(f'http://127.0.0.1:{free_port()}').url}/v1/live")
    assert problem(away) == (503, "origin_unavailable", True)
    assert away.headers["retry-after"] == "1"
    assert problem(httpx.get(f"{start('').url}/v1/live")) == (503, "no_origin", False)


def test_live_updates_need_no_python(bundle: Path, serve: Serve, origin: HttpOrigin) -> None:
    edge = serve(bundle, ready="/doorstep.js", DOORSTEP_BOOT="lazy", DOORSTEP_ORIGIN_URL=origin.url)
    origin.pushed.put("first")
    origin.pushed.put("")
    assert httpx.get(f"{edge.url}/v1/live").text == "data: first\n\n"
    assert problem(httpx.post(f"{edge.url}/v1/live")) == (405, "method_not_allowed", False)
