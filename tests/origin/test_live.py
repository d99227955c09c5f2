"""Open pages hear of what changed: over real connections, with the real processor, several origins and a lost Redis."""

import contextlib
import json
import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from signal import SIGTERM
from urllib.parse import quote, urlsplit

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from origin.registry import Registry
from shared.visitor import sign
from tests.conftest import Origin
from tests.models import make_model, model_bytes
from tests.origin.pipeline import Pipeline, cookie_of, pipeline, view, wait_until

MODEL = make_model()
A, B, C, D = (MODEL.id(i) for i in (3, 14, 15, 92))
PUSH_MIN_MS = 200


class Page:
    """A page that listens to server-sent events, in a thread of its own."""

    def __init__(self, origin: Origin, headers: dict[str, str], query: str = "") -> None:
        self.events: queue.Queue[dict[str, str]] = queue.Queue()
        self.ended = threading.Event()
        self._client = httpx.Client(timeout=60)
        self._stream = self._client.stream("GET", f"{origin.url}/v1/live{query}", headers=headers)
        self.response = self._stream.__enter__()
        self._thread = threading.Thread(target=self._listen)
        if self.response.status_code == 200:
            self._thread.start()

    def next(self, seconds: float = 5) -> dict[str, str]:
        return self.events.get(timeout=seconds)

    def silent(self, seconds: float) -> bool:
        try:
            self.events.get(timeout=seconds)
        except queue.Empty:
            return True
        return False

    def close(self) -> None:
        sock = self.response.extensions["network_stream"].get_extra_info("socket")
        with contextlib.suppress(OSError):  # the other side may have closed it
            sock.shutdown(socket.SHUT_RDWR)
        if self._thread.ident:
            self._thread.join(10)
        self._stream.__exit__(None, None, None)
        self._client.close()

    def _listen(self) -> None:
        event: dict[str, str] = {}
        try:
            for line in self.response.iter_lines():
                name, _, value = line.partition(": ")
                if line.startswith(":"):
                    continue
                if line:
                    event[name] = value
                elif "data" in event:
                    self.events.put(event)
                    event = {}
                else:
                    event = {}
        except httpx.HTTPError:
            pass
        self.ended.set()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    folder = tmp_path_factory.mktemp("live")
    Registry(folder / "home" / "registry").publish(model_bytes())
    with pipeline(folder / "home", folder, DOORSTEP_PUSH_MIN_MS=str(PUSH_MIN_MS)) as started:
        yield started


@pytest.fixture
def own(home: Path, tmp_path: Path) -> Iterator[Pipeline]:
    with pipeline(home, tmp_path, DOORSTEP_PUSH_MIN_MS=str(PUSH_MIN_MS)) as started:
        yield started


def answer(running: Pipeline, visitor: str, query: str = "") -> str:
    return httpx.get(f"{running.origin.url}/v1/recommend{query}", headers=cookie_of(visitor)).text


def test_the_current_list_comes_at_once_and_a_new_one_after_a_click(running: Pipeline) -> None:
    with closing(Page(running.origin, cookie_of("ada"), "?slot=home&n=5")) as page:
        assert page.response.headers["content-type"] == "text/event-stream"
        first = page.next()
        assert first["event"] == "items"
        assert first["data"] == answer(running, "ada", "?slot=home&n=5")
        running.send("ada", view("1", A))
        second = page.next()
        assert (second["id"] != first["id"], second["data"] != first["data"]) == (True, True)
        assert second["data"] == answer(running, "ada", "?slot=home&n=5")
        assert A in {item["because"] for item in json.loads(second["data"])["items"]}


def test_what_changes_no_list_sends_nothing(running: Pipeline) -> None:
    with closing(Page(running.origin, cookie_of("bob"))) as page:
        page.next()
        running.send("bob", {"id": "1", "type": "search", "query": "red"})
        running.folded("bob", 1)
        assert page.silent(0.5)


def test_quick_clicks_are_one_push_with_the_newest_state(running: Pipeline) -> None:
    with closing(Page(running.origin, cookie_of("cleo"))) as page:
        page.next()
        for number, item in enumerate((A, B, C, D)):
            running.send("cleo", view(str(number), item))
        running.folded("cleo", 4)
        got = []
        end = time.monotonic() + 5
        while not got or got[-1]["data"] != answer(running, "cleo"):
            assert time.monotonic() < end
            got.append(page.next())
        assert len(got) < 4, "fewer pushes than clicks"
        assert page.silent(2.5 * PUSH_MIN_MS / 1000)


def test_several_slots_and_resuming(running: Pipeline) -> None:
    query = "?slot=home,basket&n=4"
    with closing(Page(running.origin, cookie_of("dan"), query)) as page:
        home, basket = page.next(), page.next()
    assert [json.loads(event["data"])["slot"] for event in (home, basket)] == ["home", "basket"]
    assert home["id"].endswith(",-")
    assert basket["id"].startswith(home["id"].removesuffix("-"))
    resumed = {**cookie_of("dan"), "last-event-id": basket["id"]}
    with closing(Page(running.origin, resumed, query)) as page:
        assert page.silent(0.5), "it has both lists"
        running.send("dan", view("1", A))
        assert {json.loads(page.next()["data"])["slot"] for _ in range(2)} == {"home", "basket"}
    with closing(Page(running.origin, cookie_of("dan"), f"{query}&last_event_id={basket['id']}")) as page:
        page.next()
        page.next()
    half = {**cookie_of("dan"), "last-event-id": home["id"]}
    with closing(Page(running.origin, half, query)) as page:
        page.next()


@pytest.mark.parametrize(
    ("query", "headers", "status", "code"),
    [
        ("?slot=A", cookie_of("ada"), 400, "bad_slot"),
        ("?slot=,", cookie_of("ada"), 400, "bad_slot"),
        ("?slot=" + ",".join(f"s{n}" for n in range(9)), cookie_of("ada"), 400, "bad_slot"),
        ("?n=0", cookie_of("ada"), 400, "bad_n"),
        ("?filter=brand=x", cookie_of("ada"), 400, "unknown_field"),
    ],
)
def test_what_cannot_be_listened_to(
    running: Pipeline, query: str, headers: dict[str, str], status: int, code: str
) -> None:
    response = httpx.get(f"{running.origin.url}/v1/live{query}", headers=headers)
    assert (response.status_code, response.json()["code"]) == (status, code)
    with pytest.raises(InvalidStatus) as refused, socket_of(running.origin, headers, query):
        pass
    assert refused.value.response.status_code == status
    assert json.loads(refused.value.response.body)["code"] == code


@pytest.mark.parametrize("forged", ["", f"doorstep_visitor={sign('guess', 'una')}; "])
def test_a_page_of_nobody_we_know_gets_the_list_of_its_own_history(running: Pipeline, forged: str) -> None:
    cookie = {"cookie": f"{forged}doorstep_history={quote(A)}"}
    with closing(Page(running.origin, cookie, "?n=3")) as page:
        listed = httpx.get(f"{running.origin.url}/v1/recommend", params={"n": 3, "items": A})
        assert page.next()["data"] == listed.text
        before = (running.profile("una") or {"events": 0})["events"]
        running.send("una", view(f"{before}", B))
        running.folded("una", before + 1)
        assert page.silent(0.3), "what happens to others is not this page's"


def test_a_web_socket_carries_the_same(running: Pipeline) -> None:
    with socket_of(running.origin, cookie_of("eve"), "?n=3") as page:
        first = json.loads(page.recv(timeout=5))
        assert (first["event"], first["data"]) == ("items", json.loads(answer(running, "eve", "?n=3")))
        assert page.protocol.extensions == [], "lists are not deflated one by one"
        running.send("eve", view("1", A))
        second = json.loads(page.recv(timeout=5))
        assert second["data"] == json.loads(answer(running, "eve", "?n=3"))
        assert second["id"] != first["id"]


def test_pages_at_another_origin_hear_too(running: Pipeline) -> None:
    other = running.start()
    with closing(Page(running.origin, cookie_of("fay"))) as here, closing(Page(other, cookie_of("fay"))) as there:
        assert here.next() == there.next()
        running.send("fay", view("1", A))
        assert here.next()["data"] == there.next()["data"] == answer(running, "fay")


def test_a_merge_moves_the_page_along(running: Pipeline) -> None:
    with closing(Page(running.origin, cookie_of("gus"))) as page:
        page.next()
        running.send("gus-account", view("1", A))
        running.folded("gus-account", 1)
        body = {"from": "gus", "into": "gus-account"}
        bearer = {"authorization": "Bearer an api key"}
        assert httpx.post(f"{running.origin.url}/v1/visitors/merge", json=body, headers=bearer).status_code == 202
        assert page.next()["data"] == answer(running, "gus-account")
        running.send("gus-account", view("2", B))
        assert page.next()["data"] == answer(running, "gus-account")


def test_more_pages_than_allowed_are_asked_to_come_back(running: Pipeline) -> None:
    origin = running.start(DOORSTEP_LIVE_MAX="1")
    with closing(Page(origin, cookie_of("ida"))) as page:
        page.next()
        refused = httpx.get(f"{origin.url}/v1/live", headers=cookie_of("ivo"))
        assert (refused.status_code, refused.json()["code"], refused.json()["retry"]) == (503, "too_many_pages", True)
    wait_until(lambda: 'doorstep_live_pages{transport="sse"} 0.0' in httpx.get(f"{origin.url}/metrics").text)
    with closing(Page(origin, cookie_of("ivo"))) as page:
        page.next()


def test_a_new_model_is_pushed(own: Pipeline) -> None:
    with closing(Page(own.origin, cookie_of("kim"))) as page:
        before = json.loads(page.next()["data"])["model"]
        name = Registry(own.home / "registry").publish(model_bytes(seed=2))
        after = json.loads(page.next(15)["data"])["model"]
        assert (after, after != before) == (name, True)


def test_pages_survive_a_lost_redis(own: Pipeline) -> None:
    with closing(Page(own.origin, cookie_of("lea"))) as page:
        page.next()
        own.redis.kill()
        late = Page(own.origin, cookie_of("lou"))
        with closing(late):
            assert late.next()["event"] == "items", "it is served what is popular meanwhile"
            own.restart_redis()
            wait_until(lambda: "hear from Redis again" in own.origin.process.output(), 20)
            own.processor.stop()
            own.start_processor()
            wait_until(lambda: accepted(own, "lea", view("1", A)), 20)
            assert page.next(20)["data"] == answer(own, "lea")
            assert not page.ended.is_set()


def test_leaving_is_noticed_and_a_stopping_origin_lets_go(own: Pipeline) -> None:
    pages = [Page(own.origin, cookie_of("max")) for _ in range(5)]
    for page in pages:
        page.next()
    assert 'doorstep_live_pages{transport="sse"} 5.0' in httpx.get(f"{own.origin.url}/metrics").text
    for page in pages[1:]:
        page.close()
    wait_until(lambda: 'doorstep_live_pages{transport="sse"} 1.0' in httpx.get(f"{own.origin.url}/metrics").text)
    start = time.monotonic()
    assert own.origin.process.stop() == -SIGTERM
    assert time.monotonic() - start < 4, "it did not wait for a page that never ends"
    assert pages[0].ended.wait(5)
    pages[0].close()
    assert "Traceback" not in own.origin.process.output()


def test_head_ends(running: Pipeline) -> None:
    response = httpx.head(f"{running.origin.url}/v1/live", headers=cookie_of("ned"), timeout=5)
    assert (response.status_code, response.content) == (200, b"")


def accepted(running: Pipeline, visitor: str, event: dict[str, object]) -> bool:
    body = {"events": [event], "visitor": visitor}
    bearer = {"authorization": "Bearer an api key"}
    return httpx.post(f"{running.origin.url}/v1/events", json=body, headers=bearer, timeout=10).status_code == 202


def socket_of(origin: Origin, headers: dict[str, str], query: str) -> connect:
    return connect(f"ws://{urlsplit(origin.url).netloc}/v1/live{query}", additional_headers=headers)
