"""A visitor sees everything that is kept, and erases it; with the real processor and a Redis that is looked through."""

import asyncio
import gc
import json
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, FunctionType, ModuleType
from typing import Any

import httpx
import pytest

from origin.resources import Resources
from origin.senders import Sender
from origin.settings import Settings
from shared.answer import Question
from shared.profile import known
from tests.models import make_model
from tests.origin.pipeline import BEARER, SECRET, Pipeline, cookie_of, pipeline, view, wait_until

MODEL = make_model()
A, B = MODEL.id(3), MODEL.id(14)
WHO = "visitor-to-forget"


@pytest.fixture
def running(home: Path, tmp_path: Path) -> Iterator[Pipeline]:
    with pipeline(home, tmp_path) as started:
        yield started


def me(running: Pipeline, method: str, headers: dict[str, str]) -> httpx.Response:
    return httpx.request(method, f"{running.origin.url}/v1/me", headers=headers, timeout=20)


def everything(running: Pipeline) -> dict[str, str]:
    """All of Redis, as text by key."""
    client = running.client()
    found: dict[str, Any] = {}
    for key in client.scan_iter():
        read = {
            b"string": client.get, b"hash": client.hgetall, b"stream": client.xrange, b"set": client.smembers,
            b"zset": lambda k: client.zrange(k, 0, -1), b"list": lambda k: client.lrange(k, 0, -1),
        }[client.type(key)]  # fmt: skip
        found[key.decode()] = repr(read(key))
    return found


def plant_a_dead_letter(running: Pipeline) -> None:
    """A record in the log, in the visitor's name, that nobody can read."""
    client = running.client()
    for stream in client.scan_iter("doorstep:log:[0-9]*"):
        if any(WHO.encode() in fields[b"visitor"] for _, fields in client.xrange(stream)):
            client.xadd(stream, {"visitor": WHO, "event": b"\xffnonsense"})
            wait_until(lambda: client.xlen("doorstep:dead") == 1)
            return
    pytest.fail("the visitor's partition was not found")


def test_an_export_holds_everything(running: Pipeline) -> None:
    running.send(WHO, view("1", A, slot="home"), view("2", B))
    running.folded(WHO, 2)
    plant_a_dead_letter(running)
    response = me(running, "GET", cookie_of(WHO, doorstep_consent="session"))
    told = response.json()
    assert response.headers["content-disposition"] == 'attachment; filename="doorstep-me.json"'
    assert (told["visitor"], told["consent"], told["merged_into"]) == (WHO, "session", None)
    assert told["profile"]["events"] == 2
    assert [(e["id"], e["item"], e["visitor"]) for e in told["events"]] == [("1", A, WHO), ("2", B, WHO)]
    assert told["events"][0]["slot"] == "home"
    assert told["events"][0]["context"]["received_ms"] > 0
    assert [bytes.fromhex(letter["record"]) for letter in told["dead_letters"]] == [b"\xffnonsense"]
    assert (told["unreadable_events"], told["more_events"]) == (1, False)
    stranger = me(running, "GET", cookie_of("stranger")).json()
    assert (stranger["profile"], stranger["events"], stranger["dead_letters"]) == (None, [], [])


def test_nobody_without_a_cookie_sees_or_erases_anything(running: Pipeline) -> None:
    for method in ("GET", "DELETE"):
        for headers in ({}, {"cookie": f"doorstep_visitor={WHO}.x"}, BEARER):
            response = me(running, method, headers)
            assert (response.status_code, response.json()["code"]) == (401, "no_visitor")


def test_an_erasure_leaves_nothing_anywhere(running: Pipeline) -> None:
    running.send(WHO, view("1", A), {"id": "2", "type": "profile", "attributes": {"name": "Erika Mustermann"}})
    running.send("bystander", view("3", B))
    running.folded(WHO, 2)
    running.folded("bystander", 1)
    plant_a_dead_letter(running)
    traces = everything(running)
    assert sum(WHO in text for text in traces.values()) >= 2
    assert any("Mustermann" in text for text in traces.values())
    assert httpx.get(f"{running.origin.url}/v1/recommend", headers=cookie_of(WHO)).status_code == 200

    response = me(running, "DELETE", cookie_of(WHO))
    assert (response.status_code, response.json()["erased"]) == (200, True)
    assert [c.split(";")[0] for c in response.headers.get_list("set-cookie")] == [
        "doorstep_visitor=",
        "doorstep_history=",
    ]
    assert "Max-Age=0" in response.headers.get_list("set-cookie")[0]
    receipt = response.json()["receipt"]
    erasures = f"{running.origin.url}/v1/erasures"
    assert httpx.get(f"{erasures}/{receipt}").json() == {"erased": True, "receipt": receipt}
    assert httpx.get(f"{erasures}/{receipt[:-1]}").json()["erased"] is False
    assert httpx.get(f"{erasures}/x").status_code == 404

    wait_until(lambda: not any(WHO in text for text in everything(running).values()))
    left = everything(running)
    assert not any("Mustermann" in name + text for name, text in left.items())
    assert not any(WHO in name for name in left)
    assert "erase" in left["doorstep:audit"]
    told = me(running, "GET", cookie_of(WHO)).json()
    assert told["events"] == []
    assert told["dead_letters"] == []
    assert (told["profile"] or {"events": 0})["events"] == 0
    assert running.profile("bystander") is not None


def test_an_erasure_that_takes_long_is_confirmed_later(running: Pipeline) -> None:
    running.send(WHO, view("1", A))
    running.folded(WHO, 1)
    running.processor.kill()
    response = me(running, "DELETE", cookie_of(WHO))
    assert (response.status_code, response.json()["erased"]) == (202, False)
    receipt = response.json()["receipt"]
    url = f"{running.origin.url}/v1/erasures/{receipt}"
    assert httpx.get(url).json()["erased"] is False
    running.start_processor()
    wait_until(lambda: httpx.get(url).json()["erased"], 30)
    assert (running.profile(WHO) or {"events": 0})["events"] == 0


def test_an_erasure_that_cannot_be_ordered_is_not_promised(running: Pipeline) -> None:
    running.redis.kill()
    response = me(running, "DELETE", cookie_of(WHO))
    assert (response.status_code, response.json()["retry"]) == (503, True)
    assert "set-cookie" not in response.headers, "the browser can still ask again"


def test_the_origins_memory_forgets_too(running: Pipeline) -> None:
    """Nothing that can be reached from an origin's parts names the visitor once it was erased."""

    async def main() -> None:
        settings = Settings(home=running.home, redis_url=running.redis_url, secret=SECRET, redis_timeout_ms=2000)
        resources = Resources(settings)
        async with resources.opened():
            body = json.dumps({"events": [view("1", A), view("2", B)]})
            taken = await resources.ingest.take(body, Sender(cookie=cookie_of(WHO)["cookie"]))
            assert taken.accepted == 2
            await asyncio.to_thread(running.folded, WHO, 2)
            profile = await resources.visitors.known(WHO)
            assert profile
            await resources.recommender.answer(Question(), profile.items, known(profile))
            assert (await resources.exports.of(WHO, "full"))["events"]
            assert (await resources.erasures.erase(WHO)).done
            del taken, profile
            assert named_in([{"a": f"x{WHO}"}], WHO), "it would be found"
            assert not named_in(resources, WHO)

    asyncio.run(main())


def named_in(root: object, name: str) -> list[str]:
    """Texts with ``name`` in them that can be reached from ``root`` by way of values."""
    found, seen, left = [], {id(root)}, [root]
    gc.collect()
    while left:
        for held in gc.get_referents(left.pop()):
            if id(held) in seen or isinstance(held, type | ModuleType | FunctionType | FrameType):
                continue
            seen.add(id(held))
            left.append(held)
            text = held.decode("latin-1") if isinstance(held, bytes | bytearray) else held
            if isinstance(text, str) and name in text:
                found.append(text)
    return found
