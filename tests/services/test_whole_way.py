"""From a click to a new answer through all real parts: edge in workerd, origin, log, processor, Redis, open pages."""

import json
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Self

import httpx
import pytest
import redis

from origin.commands.build_edge import ROOT
from origin.edge_process import find_workerd
from shared.visitor import VISITOR_COOKIE, sign
from tests.conftest import absent
from tests.models import make_model, model_bytes
from tests.stack import API_KEY, SECRET, Stack

MODEL = make_model()
IDS = [MODEL.id(n) for n in range(MODEL.items)]
PATIENCE_S = 20


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    if find_workerd(ROOT) is None:
        absent("workerd")
    folder = tmp_path_factory.mktemp("stack")
    stack = Stack(folder, model=model_bytes(), kafka=False, DOORSTEP_PROFILE_TTL_S="1", DOORSTEP_PUSH_MIN_MS="0")
    with stack.running():
        yield stack


@pytest.fixture
def edge(stack: Stack) -> Iterator[httpx.Client]:
    """A browser at the edge, without cookies yet."""
    with httpx.Client(base_url=stack.edge_url, timeout=10, headers={"user-agent": "Mozilla/5.0 (X11)"}) as client:
        yield client


def click(client: httpx.Client, *items: str, kind: str = "view", **more: Any) -> dict[str, Any]:
    events = [{"id": os.urandom(8).hex(), "type": kind, "item": item, **more} for item in items]
    reply = client.post("/v1/events", json={"events": events})
    assert reply.status_code == 202, reply.text
    outcome: dict[str, Any] = reply.json()
    return outcome


def shown(client: httpx.Client, **question: Any) -> list[str]:
    reply = client.get("/v1/recommend", params={"n": 12, **question})
    assert reply.status_code == 200
    return [item["id"] for item in reply.json()["items"]]


def eventually(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.05)


def at_origin(stack: Stack, path: str) -> httpx.Response:
    return httpx.get(stack.origin_url + path, headers={"authorization": f"Bearer {API_KEY}"}, timeout=10)


def me(client: httpx.Client) -> dict[str, Any]:
    reply = client.get("/v1/me")
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def profile(client: httpx.Client) -> dict[str, Any]:
    return me(client)["profile"] or {}


def test_the_very_next_answer_knows_the_click(edge: httpx.Client) -> None:
    before = shown(edge)
    assert click(edge, IDS[7]) == {"accepted": 1, "duplicates": 0, "rejected": []}
    after = shown(edge)
    assert IDS[7] not in after
    assert after != before
    assert after == shown(edge, items=IDS[7])


def test_another_device_of_the_visitor_learns_of_it_by_way_of_the_profile(stack: Stack, edge: httpx.Client) -> None:
    click(edge, IDS[11], IDS[12], kind="purchase", value=5)
    eventually(lambda: profile(edge).get("events") == 2, "the profile has both")
    token = edge.cookies[VISITOR_COOKIE]
    with httpx.Client(base_url=stack.edge_url, headers={"cookie": f"{VISITOR_COOKIE}={token}"}) as other:
        wanted = shown(edge)
        assert not {IDS[11], IDS[12]} & set(wanted)
        eventually(lambda: shown(other) == wanted, "the edge has fetched the profile and recommends by it")
    with httpx.Client(base_url=stack.origin_url, headers={"cookie": f"{VISITOR_COOKIE}={token}"}) as other:
        assert shown(other) == wanted


def test_an_open_page_is_pushed_the_new_list_through_the_edge(stack: Stack, edge: httpx.Client) -> None:
    click(edge, IDS[20])
    eventually(lambda: profile(edge).get("events") == 1, "the profile has the first click")
    lists: queue.Queue[dict[str, Any]] = queue.Queue()
    with Page(stack.edge_url, edge.cookies[VISITOR_COOKIE], lists):
        first = lists.get(timeout=PATIENCE_S)
        assert [item["id"] for item in first["items"]] == shown(edge)
        click(edge, IDS[21])
        pushed = lists.get(timeout=PATIENCE_S)
        assert [item["id"] for item in pushed["items"]] == shown(edge)
        assert pushed["slot"] == "home"
        assert IDS[21] not in {item["id"] for item in pushed["items"]}


def test_an_anonymous_visitor_signs_in(stack: Stack, edge: httpx.Client) -> None:
    click(edge, IDS[30])
    known = f"customer-{os.urandom(4).hex()}"
    key = {"authorization": f"Bearer {API_KEY}"}
    events = [{"id": os.urandom(8).hex(), "type": "purchase", "item": IDS[31], "visitor": known}]
    sent = httpx.post(stack.origin_url + "/v1/events", json={"events": events}, headers=key)
    assert sent.status_code == 202, sent.text
    eventually(lambda: profile(edge).get("events") == 1, "the anonymous profile is there")
    body = {"from": edge.cookies[VISITOR_COOKIE], "into": known}
    merged = httpx.post(stack.origin_url + "/v1/visitors/merge", json=body, headers=key)
    assert merged.status_code == 202, merged.text

    def both() -> bool:
        reply = at_origin(stack, f"/v1/visitors/{known}")
        return reply.status_code == 200 and reply.json()["profile"]["events"] == 2

    eventually(both, "the known visitor has both events")
    click(edge, IDS[32])  # still with the anonymous cookie
    eventually(
        lambda: at_origin(stack, f"/v1/visitors/{known}").json()["profile"]["events"] == 3,
        "a late click of the anonymous visitor arrives at the known one",
    )
    with stack.store() as store:
        edge.cookies.clear()
        erased = edge.delete("/v1/me", headers={"cookie": f"{VISITOR_COOKIE}={merged.json()['cookie']}"})
        assert erased.json()["erased"] is True
        eventually(lambda: not everywhere(store, known), "the anonymous visitor's profile does not name them either")


def test_forgetting_leaves_nothing_anywhere(stack: Stack, edge: httpx.Client) -> None:
    item = IDS[40]
    click(edge, item)
    eventually(lambda: profile(edge).get("events") == 1, "the profile is there")
    visitor = me(edge)["visitor"]
    with stack.store() as store:
        assert everywhere(store, visitor), "there was something to forget"
        reply = edge.delete("/v1/me")
        assert reply.status_code == 200, reply.text
        assert reply.json()["erased"] is True
        assert not everywhere(store, visitor)
        assert b"erase" in repr(store.xrange("doorstep:audit")).encode()
    assert VISITOR_COOKIE not in edge.cookies
    with httpx.Client(base_url=stack.edge_url) as nobody:
        assert shown(edge) == shown(nobody)
    with httpx.Client(base_url=stack.edge_url, headers={"cookie": f"{VISITOR_COOKIE}={sign(SECRET, visitor)}"}) as old:
        assert shown(old) == shown(edge)
        assert not profile(old).get("events")


def test_without_consent_nothing_is_kept(stack: Stack, edge: httpx.Client) -> None:
    with stack.store() as store:
        before = sum(store.xlen(key) for key in store.scan_iter("doorstep:log:[0-9]*", _type="stream"))
        body = {"events": [{"id": "n1", "type": "view", "item": IDS[50]}], "consent": "none"}
        reply = edge.post("/v1/events", json=body)
        assert (reply.status_code, reply.json()["withheld"]) == (202, 1)
        assert not edge.cookies
        assert sum(store.xlen(key) for key in store.scan_iter("doorstep:log:[0-9]*", _type="stream")) == before


def everywhere(store: "redis.Redis", text: str) -> list[str]:
    """Every key of Redis that holds ``text``, whatever its type."""
    found = []
    for key in store.scan_iter("*"):
        kind = store.type(key)
        value: Any = {
            b"string": store.get,
            b"hash": store.hgetall,
            b"stream": store.xrange,
            b"zset": lambda k: store.zrange(k, 0, -1),
        }[kind](key)
        if text.encode() in key or text in repr(value):
            found.append(f"{key!r}")
    return found


class Page:
    """A page that is open at /v1/live and puts what it is sent into ``lists``."""

    def __init__(self, url: str, token: str, lists: "queue.Queue[dict[str, Any]]") -> None:
        self._client = httpx.Client(base_url=url, headers={"cookie": f"{VISITOR_COOKIE}={token}"}, timeout=60)
        self._lists = lists
        self._stream: Any = None
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._stream = self._client.stream("GET", "/v1/live?slot=home&n=12")
        self._response = self._stream.__enter__()
        assert self._response.status_code == 200
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._response.close()
        self._client.close()
        self._thread.join(5)

    def _read(self) -> None:
        try:
            for line in self._response.iter_lines():
                if line.startswith("data:"):
                    self._lists.put(json.loads(line[5:]))
        except (httpx.HTTPError, httpx.StreamError, OSError):
            pass  # the page was closed
