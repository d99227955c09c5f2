"""Profiles shown, handed to the edge, merged, and used in answers; with the real processor."""

from base64 import b64decode
from collections.abc import Iterator
from signal import SIGCONT, SIGSTOP
from urllib.parse import quote

import httpx
import pytest

from origin.registry import Registry
from shared.profile import from_blob
from shared.visitor import edge_token, sign, verify
from tests.models import make_model, model_bytes
from tests.origin.pipeline import BEARER, SECRET, Pipeline, cookie_of, pipeline, view, wait_until

MODEL = make_model()
RULES = '{"version":"p1","slots":{"home":{"purchased":"drop"}}}'
A, B, C = (MODEL.id(i) for i in (3, 14, 15))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    folder = tmp_path_factory.mktemp("visitors")
    Registry(folder / "home" / "registry").publish(model_bytes(), RULES)
    with pipeline(folder / "home", folder) as started:
        yield started


def get(running: Pipeline, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
    return httpx.get(running.origin.url + path, headers=headers or BEARER, timeout=10)


def merge(running: Pipeline, source: str, into: str) -> httpx.Response:
    return httpx.post(
        f"{running.origin.url}/v1/visitors/merge", json={"from": source, "into": into}, headers=BEARER, timeout=10
    )


def test_a_profile_is_shown_with_what_its_visitor_would_be_shown(running: Pipeline) -> None:
    running.send("anna", view("1", A), view("2", B), {"id": "3", "type": "purchase", "item": C, "value": 9.5})
    profile = running.folded("anna", 3)
    assert [recent["item"] for recent in profile["recent"]] == [C, B, A]
    assert (profile["purchased"], profile["value"]) == ([C], 9.5)
    shown = get(running, "/v1/visitors/anna?slot=home&n=5").json()
    answered = get(running, "/v1/recommend?slot=home&n=5", cookie_of("anna")).json()
    assert shown["answer"] == answered
    assert shown["visitor"] == "anna"


def test_nobody_without_the_key_sees_a_profile(running: Pipeline) -> None:
    edge = {"authorization": f"Bearer {edge_token(SECRET)}"}
    for path, headers, status in (
        ("/v1/visitors/anna", {"x": "y"}, 401),
        ("/v1/visitors/anna", edge, 401),
        ("/v1/visitors/anna/blob", {"x": "y"}, 401),
        ("/v1/visitors/nobody", BEARER, 404),
        ("/v1/visitors/nobody/blob", edge, 404),
    ):
        assert get(running, path, headers).status_code == status


def test_the_edge_gets_the_blob(running: Pipeline) -> None:
    name = "bö/b"
    running.send(name, view("1", A))
    path = f"/v1/visitors/{quote(name, safe='')}"
    wait_until(lambda: get(running, path).status_code == 200)
    response = get(running, f"{path}/blob", {"authorization": f"Bearer {edge_token(SECRET)}"})
    assert response.headers["content-type"].startswith("text/plain")
    assert response.headers["doorstep-visitor"] == quote(name, safe="~")
    assert from_blob(b64decode(response.text)).items == (A,)


def test_an_answer_knows_what_other_devices_did(running: Pipeline) -> None:
    running.send("carl", view("1", A), {"id": "2", "type": "purchase", "item": B})
    running.folded("carl", 2)
    url = "/v1/recommend?slot=home&n=100&seen=allow"
    by_cookie = {item["id"] for item in get(running, url, cookie_of("carl")).json()["items"]}
    by_history = {item["id"] for item in get(running, f"{url}&items={B},{A}").json()["items"]}
    assert B in by_history
    assert B not in by_cookie, "what was bought is dropped"
    assert len(by_cookie & by_history) > 90
    newer = cookie_of("carl", doorstep_history=quote(C))
    assert {item["because"] for item in get(running, url, newer).json()["items"]} & {quote(C), C}
    named = get(running, f"{url}&items={C}", cookie_of("carl")).json()["items"]
    assert not {item["because"] for item in named} & {A, B}, "the question names its own history"
    assert B not in {item["id"] for item in named}


def test_a_forged_cookie_is_as_good_as_none(running: Pipeline) -> None:
    plain = get(running, "/v1/recommend").text
    assert get(running, "/v1/recommend", {"cookie": f"doorstep_visitor={sign('guess', 'carl')}"}).text == plain
    assert get(running, "/v1/recommend", {"cookie": "doorstep_visitor=carl.x"}).text == plain


def test_two_visitors_become_one(running: Pipeline) -> None:
    running.send("browser", view("1", A), view("2", B))
    running.send("dora", view("3", C))
    running.folded("browser", 2)
    running.folded("dora", 1)
    response = merge(running, sign(SECRET, "browser"), "dora")
    assert (response.status_code, response.json()["into"]) == (202, "dora")
    assert verify(SECRET, response.json()["cookie"]) == "dora"
    running.folded("dora", 3)
    wait_until(lambda: (running.profile("browser") or {})["merged_into"] == "dora")
    assert merge(running, "browser", "dora").status_code == 202, "once more changes nothing"
    running.send("browser", view("4", A))
    running.folded("dora", 4)
    url = "/v1/recommend?slot=home"
    assert get(running, url, cookie_of("browser")).text == get(running, url, cookie_of("dora")).text
    blob = get(running, "/v1/visitors/browser/blob")
    assert (blob.headers["doorstep-visitor"], from_blob(b64decode(blob.text)).events) == ("dora", 4)

    running.send("emil", view("5", A))
    running.folded("emil", 1)
    assert merge(running, "dora", "emil").json()["into"] == "emil"
    running.folded("emil", 5)
    wait_until(lambda: (running.profile("dora") or {})["merged_into"] == "emil")
    later = merge(running, "latecomer", "browser")
    assert later.json()["into"] == "emil", "who was merged away stands for where it went"
    assert merge(running, "emil", "browser").json()["code"] == "merge_loop"
    assert merge(running, "browser", "anna").json()["code"] == "already_merged"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "bad_json"),
        (b"{}", "bad_merge"),
        (b'{"from":"a","into":5}', "bad_merge"),
        (b'{"from":"a","into":"a"}', "same_visitor"),
        (b'{"from":"a","into":"~b"}', "bad_into"),
        (b'{"from":"","into":"b"}', "bad_from"),
        (b'{"from":"a b","into":"b"}', "bad_from"),
        (b'{"from":"a","into":"b\\n"}', "bad_into"),
        (b'{"from":"' + b"a" * 65 + b'","into":"b"}', "bad_from"),
    ],
)
def test_what_cannot_be_merged(running: Pipeline, body: bytes, code: str) -> None:
    response = httpx.post(f"{running.origin.url}/v1/visitors/merge", content=body, headers=BEARER)
    assert (response.status_code, response.json()["code"]) == (400, code)


def test_a_store_that_hangs_costs_an_answer_nothing_but_what_it_knows(running: Pipeline) -> None:
    plain = get(running, "/v1/recommend").text
    running.redis.signal(SIGSTOP)
    try:
        for _ in range(6):
            response = get(running, "/v1/recommend", cookie_of("anna"))
            assert (response.status_code, response.text) == (200, plain)
            assert response.elapsed.total_seconds() < 0.5
        assert get(running, "/v1/visitors/anna").status_code == 503
    finally:
        running.redis.signal(SIGCONT)
    wait_until(lambda: get(running, "/v1/recommend", cookie_of("anna")).text != plain)
