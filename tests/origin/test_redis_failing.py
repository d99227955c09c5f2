"""Redis stopped, killed and back, under a running origin: every question is answered, in time."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from signal import SIGCONT, SIGSTOP

import httpx
import pytest

from tests.conftest import Origin, StartOrigin, start_redis
from tests.models import make_model
from tests.processes import Process, free_port

MODEL = make_model()
DEADLINE_S = 0.5
"""Redis' 50 ms, and room for a busy machine."""


class Setup:
    """A Redis, and two origins that share it."""

    def __init__(self, redis: Process, first: Origin, second: Origin) -> None:
        self.redis = redis
        self.first = first
        self.second = second


@pytest.fixture
def setup(home: Path, tmp_path: Path, start_origin: StartOrigin) -> Iterator[Setup]:
    with ExitStack() as stack:
        redis, url = start_redis(stack, tmp_path / "redis.log", free_port())
        first, second = (start_origin(home, DOORSTEP_REDIS_URL=url) for _ in range(2))
        yield Setup(redis, first, second)


def test_origins_share_answers(setup: Setup) -> None:
    assert ask(setup.first, 1) == "origin"
    time.sleep(0.2)
    assert ask(setup.second, 1) == "redis"
    assert httpx.get(setup.first.url + "/readyz").status_code == 200


def test_a_redis_that_hangs_costs_no_answer(setup: Setup) -> None:
    ask(setup.first, 1)
    setup.redis.signal(SIGSTOP)
    assert [ask(setup.first, item) for item in range(2, 12)] == ["origin"] * 10
    assert ask(setup.first, 2) == "origin-memory"
    ready = httpx.get(setup.first.url + "/readyz")
    assert (ready.status_code, ready.json()["code"]) == (503, "not_ready")
    assert "redis" in ready.json()["detail"]

    setup.redis.signal(SIGCONT)
    time.sleep(1.2)
    ask(setup.first, 20)
    time.sleep(0.2)
    assert ask(setup.second, 20) == "redis", "it is used again by itself"
    assert httpx.get(setup.first.url + "/readyz").status_code == 200


def test_a_redis_that_dies_costs_no_answer(setup: Setup) -> None:
    ask(setup.first, 1)
    setup.redis.kill()
    assert [ask(setup.first, item) for item in range(2, 12)] == ["origin"] * 10
    failures = httpx.get(setup.first.url + "/metrics").text.split("\ndoorstep_redis_failures_total ")[1].split()[0]
    assert 1 <= float(failures) <= 8, "after a few failures it is not even tried"


def test_an_origin_starts_without_its_redis(home: Path, start_origin: StartOrigin) -> None:
    origin = start_origin(home, DOORSTEP_REDIS_URL=f"redis://127.0.0.1:{free_port()}")
    assert ask(origin, 1) == "origin"


def ask(origin: Origin, item: int) -> str:
    """The layer that answered; fails if that took too long."""
    start = time.monotonic()
    response = httpx.get(origin.url + "/v1/recommend", params={"items": MODEL.id(item)}, timeout=5)
    assert response.status_code == 200
    assert len(response.json()["items"]) == 12
    assert time.monotonic() - start < DEADLINE_S
    return response.headers["doorstep-layer"]
