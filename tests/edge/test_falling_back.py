"""Every row of "when the edge cannot": the real part is really stopped, and a list comes in time all the same."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import httpx
import pytest

from origin.embedded_redis import EmbeddedRedis
from origin.registry import Registry
from shared.model import open_model
from tests.edge.conftest import Edge, Serve
from tests.processes import Process, free_port, running

DEADLINE_MS = 300
SLACK_MS = 400
"""For a machine that is busy with other tests."""
RAISING = "import edge.simd; edge.simd.SimdKernel.top = None"


class Origin(NamedTuple):
    """A real origin process with a real Redis of its own."""

    url: str
    process: Process
    redis: EmbeddedRedis


@pytest.fixture
def origin(tmp_path: Path, model_file: Path) -> Iterator[Origin]:
    Registry(tmp_path / "home" / "registry").publish(model_file.read_bytes())
    redis = EmbeddedRedis(tmp_path / "redis", {})
    redis.start()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = {
        "DOORSTEP_HOME": str(tmp_path / "home"),
        "DOORSTEP_ORIGIN_PORT": str(port),
        "DOORSTEP_REDIS_URL": redis.url,
    }
    try:
        command = [sys.executable, "-m", "origin.server"]
        with running(command, env=env, log=tmp_path / "origin.log", ready=f"{url}/readyz") as process:
            yield Origin(url, process, redis)
    finally:
        redis.stop()


@pytest.fixture(scope="session")
def without_model(built: Callable[..., Path]) -> Path:
    return built("without-model")


@pytest.fixture
def ids(model_file: Path) -> list[str]:
    model = open_model(model_file.read_bytes())
    return [quote(model.id(i), safe="") for i in range(50)]


def asked(edge: Edge, items: str, *, n: int = 5) -> tuple[str, list[str]]:
    """The layer that answered, and the ids it gave; always 200, always within the deadline."""
    start = time.perf_counter()
    answer = httpx.get(f"{edge.url}/v1/recommend?n={n}&items={items}", timeout=10)
    took_ms = (time.perf_counter() - start) * 1000
    assert answer.status_code == 200, answer.text
    assert took_ms < DEADLINE_MS + SLACK_MS
    return answer.headers["doorstep-layer"], [item["id"] for item in answer.json()["items"]]


def start(serve: Serve, bundle: Path, origin: Origin, **env: str) -> Edge:
    settings = {"DOORSTEP_ORIGIN_DEADLINE_MS": str(DEADLINE_MS), "DOORSTEP_REFRESH_S": "0", **env}
    return serve(bundle, DOORSTEP_ORIGIN_URL=origin.url, **settings)


def break_handler(edge: Edge) -> None:
    httpx.post(f"{edge.url}/v1/test/python", content=RAISING).raise_for_status()


@contextmanager
def stopped(process: Process) -> Iterator[None]:
    """The process hangs inside the block: it accepts connections and never answers."""
    process.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.signal(signal.SIGCONT)


def test_unknown_items_in_the_history(bundle: Path, serve: Serve, origin: Origin, ids: list[str]) -> None:
    edge = start(serve, bundle, origin)
    assert asked(edge, f"nobody,{ids[3]},nothing") == asked(edge, ids[3])
    layer, items = asked(edge, "nobody,nothing")
    assert (layer, len(items)) == ("edge", 5)


def test_no_model_at_the_edge(without_model: Path, serve: Serve, origin: Origin, ids: list[str]) -> None:
    edge = start(serve, without_model, origin)
    items = ",".join(ids[:4])
    layer, there = asked(edge, items)
    assert (layer, len(there)) == ("origin", 5)
    assert asked(edge, items) == ("isolate", there)


def test_the_origins_model_arrives_behind_an_answer(
    without_model: Path, bundle: Path, serve: Serve, origin: Origin, ids: list[str]
) -> None:
    late = start(serve, without_model, origin, DOORSTEP_REFRESH_S="1")
    items = ",".join(ids[:4])
    end = time.monotonic() + 10
    while asked(late, items)[0] != "edge":
        assert time.monotonic() < end
        time.sleep(0.1)
    assert asked(late, items) == asked(start(serve, bundle, origin), items)


def test_a_handler_that_raises(bundle: Path, serve: Serve, origin: Origin, ids: list[str]) -> None:
    edge = start(serve, bundle, origin)
    items = ",".join(ids[:4])
    computed = asked(edge, items)
    break_handler(edge)
    assert asked(edge, items) == ("origin", computed[1])


def test_a_slow_origin(without_model: Path, serve: Serve, origin: Origin, ids: list[str]) -> None:
    edge = start(serve, without_model, origin)
    items = ",".join(ids[:4])
    _, before = asked(edge, items)
    with stopped(origin.process):
        assert asked(edge, items) == ("isolate", before)
        assert asked(edge, ",".join(ids[4:8]))[0] == "popular"
    assert httpx.get(f"{origin.url}/healthz").status_code == 200


def test_a_dead_origin(without_model: Path, serve: Serve, origin: Origin, ids: list[str]) -> None:
    edge = start(serve, without_model, origin, DOORSTEP_ISOLATE_TTL_S="1")
    items = ",".join(ids[:4])
    _, before = asked(edge, items)
    origin.process.kill()
    time.sleep(1.1)  # the answer is stale by now, and nobody can refresh it
    assert asked(edge, items) == ("isolate", before)
    assert asked(edge, ",".join(ids[4:8]))[0] == "popular"


def test_a_dead_origin_with_a_model_at_the_edge(bundle: Path, serve: Serve, origin: Origin, ids: list[str]) -> None:
    edge = start(serve, bundle, origin, DOORSTEP_REFRESH_S="1")
    origin.process.kill()
    for n in range(3):
        assert asked(edge, ",".join(ids[n : n + 4]))[0] == "edge"
    break_handler(edge)
    assert asked(edge, ids[0])[0] == "popular"


def test_a_dead_redis(without_model: Path, serve: Serve, origin: Origin, ids: list[str]) -> None:
    edge = start(serve, without_model, origin)
    origin.redis.stop()
    for n in range(3):
        layer, items = asked(edge, ids[n])
        assert (layer, len(items)) == ("origin", 5)


def test_everything_at_once(without_model: Path, serve: Serve, origin: Origin, ids: list[str]) -> None:
    edge = start(serve, without_model, origin)
    origin.redis.stop()
    origin.process.kill()
    break_handler(edge)
    httpx.post(f"{edge.url}/v1/test/python", content="import os; os._exit(1)", timeout=10)
    for n in range(5):
        layer, _ = asked(edge, ",".join(ids[n : n + 4]))
        assert layer == "popular"
