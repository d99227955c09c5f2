"""``POST /v1/events`` over HTTP, with a real Redis behind it: what is acknowledged lies in the log."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Any

import httpx
import pytest
import redis

from origin.eventlog.encoding import decode
from origin.eventlog.redis_archive import RedisArchive
from origin.registry import Registry
from shared.events import MAX_BODY_CHARS, Event
from shared.visitor import derive, edge_token, sign, verify
from tests.conftest import RULES, Origin, StartOrigin, origins, start_redis
from tests.models import make_model, model_bytes
from tests.processes import Process, free_port

SECRET, KEY = "a secret", "an api key"
MODEL = make_model()
AGENT = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"
VARIABLES = {"DOORSTEP_SECRET": SECRET, "DOORSTEP_API_KEY": KEY}


class Log:
    """What lies in the log."""

    def __init__(self, url: str) -> None:
        self._archive = RedisArchive(redis.Redis.from_url(url))

    def of(self, visitor: str) -> list[Event]:
        return [decode(record.value) for record in self._archive.of(visitor)]


class Setup:
    """An origin, a client of it that is a browser, and the log."""

    def __init__(self, origin: Origin, redis_process: Process, url: str) -> None:
        self.origin = origin
        self.redis = redis_process
        self.log = Log(url)

    def post(self, events: list[Any], headers: dict[str, str] | None = None, **members: Any) -> httpx.Response:
        body = json.dumps({"events": events, **members})
        return httpx.post(
            f"{self.origin.url}/v1/events",
            content=body,
            headers={"user-agent": AGENT, "content-type": "application/json", **(headers or {})},
        )

    def metric(self, name: str) -> float:
        text = httpx.get(f"{self.origin.url}/metrics").text
        return float(text.split(f"\n{name} ")[1].split()[0])


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    folder = tmp_path_factory.mktemp("events")
    Registry(folder / "home" / "registry").publish(model_bytes(), RULES)
    with ExitStack() as stack:
        process, url = start_redis(stack, folder / "redis.log", free_port())
        start = stack.enter_context(origins(folder))
        yield Setup(start(folder / "home", DOORSTEP_REDIS_URL=url, **VARIABLES), process, url)


@pytest.fixture
def own(home: Path, tmp_path: Path, start_origin: StartOrigin) -> Iterator[Setup]:
    """For one test alone, which may stop Redis."""
    with ExitStack() as stack:
        process, url = start_redis(stack, tmp_path / "redis.log", free_port())
        yield Setup(
            start_origin(home, DOORSTEP_REDIS_URL=url, DOORSTEP_LOG_DEADLINE_MS="300", **VARIABLES), process, url
        )


def view(id_: str, item: str = "a", **more: Any) -> dict[str, Any]:
    return {"id": id_, "type": "view", "item": item, **more}


def visitor_of(response: httpx.Response) -> str:
    visitor = verify(SECRET, response.cookies["doorstep_visitor"])
    assert visitor
    return visitor


def test_a_browsers_events_are_in_the_log_with_what_its_headers_say(setup: Setup) -> None:
    before_ms = time.time_ns() // 1_000_000
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    response = setup.post([view("b1"), view("b2", "b", slot="home")], {"traceparent": trace})
    assert (response.status_code, response.json()) == (202, {"accepted": 2, "duplicates": 0, "rejected": []})
    visitor = visitor_of(response)
    first, second = setup.log.of(visitor)
    assert (first.id, first.visitor, first.type, first.item) == ("b1", visitor, "view", "a")
    assert second.details["slot"] == "home"
    context = first.context
    assert (context.device, context.bot, context.consent, context.trace) == ("mobile", False, "full", trace)
    assert before_ms <= context.received_ms <= time.time_ns() // 1_000_000
    assert before_ms <= first.time_ms <= context.received_ms


def test_cookies_name_the_visitor_and_carry_the_history(setup: Setup) -> None:
    response = setup.post([view("c1", "a"), view("c2", "b")])
    visitor, history = response.headers.get_list("set-cookie")
    assert visitor.startswith("doorstep_visitor=")
    assert visitor.endswith("; Path=/; HttpOnly; SameSite=Lax; Max-Age=31536000")
    assert history == "doorstep_history=b,a; Path=/; SameSite=Lax; Max-Age=31536000"
    cookies = "; ".join(cookie.partition(";")[0] for cookie in (visitor, history))
    again = setup.post([view("c3", "c")], {"cookie": cookies})
    assert again.headers.get_list("set-cookie") == [
        "doorstep_history=c,b,a; Path=/; SameSite=Lax; Max-Age=31536000"
    ]  # fmt: skip
    assert [event.id for event in setup.log.of(visitor_of(response))] == ["c1", "c2", "c3"]
    silent = setup.post([{"id": "c4", "type": "search", "query": "red"}], {"cookie": cookies})
    assert "set-cookie" not in silent.headers


def test_a_batch_that_is_sent_again_makes_no_second_visitor_and_no_second_events(setup: Setup) -> None:
    batch = [view("d1"), view("d2"), view("d1")]
    first, second = setup.post(batch), setup.post(batch)
    assert first.json() == {"accepted": 2, "duplicates": 1, "rejected": []}
    assert second.json() == {"accepted": 0, "duplicates": 3, "rejected": []}
    assert second.headers.get_list("set-cookie") == first.headers.get_list("set-cookie")
    assert visitor_of(first) == derive(SECRET, f"d1\x1f127.0.0.1\x1f{AGENT}", session=False)
    assert len(setup.log.of(visitor_of(first))) == 2


def test_a_rejected_event_costs_the_others_nothing(setup: Setup) -> None:
    response = setup.post([view("e1"), {"id": "e2", "type": "sneeze"}, view("e3", "x,y"), view("e4")])
    told = response.json()
    assert told["accepted"] == 2
    assert [(r["index"], r["code"]) for r in told["rejected"]] == [(1, "unknown_type"), (2, "bad_item")]
    assert setup.metric('doorstep_events_rejected_total{code="unknown_type"}') >= 1


def test_nobody_is_made_of_a_batch_without_a_good_event(setup: Setup) -> None:
    for batch in ([], [{"id": "f1"}]):
        response = setup.post(batch)
        assert response.status_code == 202
        assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"", "application/json", 400, "bad_json"),
        (b"[]", "application/json", 400, "bad_batch"),
        (b'{"events":{}}', "text/plain", 400, "bad_batch"),
        (b'{"events":[],"consent":"yes"}', "text/plain", 400, "bad_consent"),
        (b"\xff\xfe", "text/plain", 400, "bad_encoding"),
        (b"[" * 100_000, "text/plain", 400, "bad_json"),
        (json.dumps({"events": [{}] * 51}).encode(), "text/plain", 413, "too_many_events"),
        (b" " * (MAX_BODY_CHARS + 1), "text/plain", 413, "body_too_large"),
        (b" " * 5_000_000, "text/plain", 413, "body_too_large"),
        (b"a=b", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
    ],
)
def test_bad_batches(setup: Setup, content: bytes, kind: str, status: int, code: str) -> None:
    response = httpx.post(f"{setup.origin.url}/v1/events", content=content, headers={"content-type": kind})
    assert (response.status_code, response.json()["code"], response.json()["retry"]) == (status, code, False)


def test_plain_text_and_no_type_at_all_are_taken(setup: Setup) -> None:
    for number, kind in enumerate(("text/plain;charset=UTF-8", "")):
        response = setup.post([view(f"g{number}")], {"content-type": kind})
        assert response.json()["accepted"] == 1


def test_without_consent_nothing_is_kept_and_what_was_there_is_taken_away(setup: Setup) -> None:
    cookie = f"doorstep_visitor={sign(SECRET, 'withheld')}; doorstep_history=a"
    for headers, members in (
        ({"cookie": cookie}, {"consent": "none"}),
        ({"cookie": cookie + "; doorstep_consent=none"}, {}),
    ):
        response = setup.post([view("h1"), view("h2")], headers, **members)
        assert (response.status_code, response.json()) == (
            202,
            {"accepted": 0, "duplicates": 0, "rejected": [], "withheld": 2},
        )
        assert [c.partition(";")[0] for c in response.headers.get_list("set-cookie")] == [
            "doorstep_visitor=", "doorstep_history=",
        ]  # fmt: skip
    assert setup.log.of("withheld") == []
    assert setup.metric("doorstep_events_withheld_total") >= 4


def test_consent_to_the_session_makes_a_visitor_of_the_session(setup: Setup) -> None:
    for number, (headers, members) in enumerate(
        [({}, {"consent": "session"}), ({"cookie": "doorstep_consent=session"}, {}), ({"sec-gpc": "1"}, {})]
    ):
        known = f"doorstep_visitor={sign(SECRET, 'lasting')}"
        headers["cookie"] = "; ".join(filter(None, (headers.get("cookie"), known)))
        response = setup.post([view(f"i{number}")], headers, **members)
        visitor = visitor_of(response)
        assert visitor.startswith("~")
        assert all("Max-Age" not in cookie for cookie in response.headers.get_list("set-cookie"))
        assert [event.context.consent for event in setup.log.of(visitor)] == ["session"]
    assert setup.log.of("lasting") == []


def test_servers_name_their_visitors_and_keep_their_times(setup: Setup) -> None:
    bearer = {"authorization": f"Bearer {KEY}"}
    events = [view("j1", visitor="anna", time=1_700_000_000_000), view("j2"), view("j3", visitor="a b")]
    response = setup.post(events, bearer, visitor="otto")
    assert response.json()["accepted"] == 2
    assert response.json()["rejected"][0]["code"] == "bad_visitor"
    assert "set-cookie" not in response.headers
    (event,) = setup.log.of("anna")
    assert (event.time_ms, event.context.device) == (1_700_000_000_000, "other")
    assert [e.id for e in setup.log.of("otto")] == ["j2"]
    many = [view(f"j{n}", visitor=f"many{n % 20}") for n in range(500)]
    assert setup.post(many, bearer).json()["accepted"] == 500


def test_a_browser_speaks_for_itself_only(setup: Setup) -> None:
    response = setup.post([view("k1", visitor="victim")], visitor="victim", context={"country": "XX"})
    assert setup.log.of("victim") == []
    assert setup.log.of(visitor_of(response))[0].context.country == ""


@pytest.mark.parametrize("token", ["wrong", KEY + "x", edge_token("another secret")])
def test_a_wrong_token_is_refused(setup: Setup, token: str) -> None:
    response = setup.post([view("l1")], {"authorization": f"Bearer {token}"})
    assert (response.status_code, response.json()["code"]) == (401, "bad_api_key")


def test_our_edge_is_believed_about_visitor_and_context(setup: Setup) -> None:
    context = {"country": "DE", "device": "tablet", "edge": "FRA", "bot": True, "consent": "full", "trace": "t"}
    bearer = {"authorization": f"Bearer {edge_token(SECRET)}"}
    response = setup.post([view("m1", visitor="met")], bearer, visitor="met", consent="full", context=context)
    assert response.json()["accepted"] == 1
    assert "set-cookie" not in response.headers
    (event,) = setup.log.of("met")
    assert event.context._asdict() | {"received_ms": 0} == {**context, "received_ms": 0}
    nonsense = {"country": 5, "device": "toaster", "edge": "x" * 99, "bot": "yes", "trace": "\x00"}
    setup.post([view("m2", visitor="odd")], bearer, consent="session", context=nonsense)
    (event,) = setup.log.of("odd")
    assert event.context._replace(received_ms=0) == (  "", "other", "", False, "session", 0, "")  # fmt: skip


def test_the_category_is_filled_in_from_the_model(setup: Setup) -> None:
    column = MODEL.sections["column.category"]
    item = MODEL.id(7)
    response = setup.post([view("n1", item), view("n2", item, category="own"), view("n3", "unknown")])
    known, own, unknown = setup.log.of(visitor_of(response))
    assert known.details["category"] == MODEL.columns["category"]["values"][column[7]]
    assert own.details["category"] == "own"
    assert "category" not in unknown.details


def test_a_flood_from_one_browser_is_held_back(setup: Setup) -> None:
    for attempt in range(2):  # a minute may end in the middle of one attempt, not of two
        visitor = f"flood{attempt}"
        cookie = {"cookie": f"doorstep_visitor={sign(SECRET, visitor)}"}
        responses = [setup.post([view(f"{n}-{i}") for i in range(50)], cookie) for n in range(14)]
        refused = [r for r in responses if r.status_code == 429]
        if refused:
            break
    assert (refused[0].json()["code"], refused[0].json()["retry"]) == ("too_many_events", True)
    assert len(setup.log.of(visitor)) == 50 * (len(responses) - len(refused))
    bearer = {"authorization": f"Bearer {KEY}"}
    assert setup.post([view("s1", visitor=visitor)], bearer).status_code == 202, "servers may send for many"


def test_while_redis_hangs_nothing_is_acknowledged_and_later_nothing_is_missing(own: Setup) -> None:
    cookie = {"cookie": f"doorstep_visitor={sign(SECRET, 'patient')}"}
    assert own.post([view("o0")], cookie).status_code == 202
    own.redis.signal(SIGSTOP)
    start = time.monotonic()
    response = own.post([view("o1"), view("o2")], cookie)
    assert time.monotonic() - start < 2
    assert (response.status_code, response.json()["retry"], response.headers["retry-after"]) == (503, True, "1")
    assert "set-cookie" not in response.headers
    assert own.metric("doorstep_append_failures_total") == 1
    own.redis.signal(SIGCONT)
    wait_until_accepted(own, [view("o1"), view("o2")], cookie)
    assert {event.id for event in own.log.of("patient")} == {"o0", "o1", "o2"}


def test_what_was_acknowledged_outlives_the_origin(own: Setup) -> None:
    acknowledged = []
    for number in range(20):
        response = own.post(
            [view(f"p{number}-{i}", visitor="survivor") for i in range(20)], {"authorization": f"Bearer {KEY}"}
        )
        acknowledged += [f"p{number}-{i}" for i in range(20)] if response.status_code == 202 else []
    own.origin.process.kill()
    assert len(acknowledged) == 400
    assert [event.id for event in own.log.of("survivor")] == acknowledged


def test_without_a_log_nothing_is_acknowledged(home: Path, start_origin: StartOrigin) -> None:
    origin = start_origin(home)
    response = httpx.post(f"{origin.url}/v1/events", json={"events": [view("q1")]})
    assert (response.status_code, response.json()["code"]) == (503, "no_log")
    assert httpx.get(f"{origin.url}/readyz").json()["parts"] == {
        "model": "ok", "redis": "none", "log": "none", "store": "none",
    }  # fmt: skip


def wait_until_accepted(setup: Setup, batch: list[Any], headers: dict[str, str]) -> None:
    end = time.monotonic() + 10
    while setup.post(batch, headers).status_code != 202:
        assert time.monotonic() < end, "the log did not come back"
        time.sleep(0.05)
