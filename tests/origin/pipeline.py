"""A whole pipeline for tests: Redis, origins and a processor, each a real process that may be killed."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import redis

from shared.visitor import sign
from tests.conftest import Origin, StartOrigin, origins, start_redis
from tests.processes import Process, free_port

SECRET, KEY = "a secret", "an api key"
BEARER = {"authorization": f"Bearer {KEY}"}


class Pipeline:
    """``origin`` is the first; ``start`` starts further ones on the same Redis."""

    def __init__(self, home: Path, folder: Path, stack: ExitStack, start: StartOrigin, **variables: str) -> None:
        self.home = home
        self._folder = folder
        self._stack = stack
        self._start = start
        self._port = free_port()
        self.redis, self.redis_url = start_redis(stack, folder / "redis.log", self._port)
        self._variables = {
            "DOORSTEP_REDIS_URL": self.redis_url, "DOORSTEP_SECRET": SECRET, "DOORSTEP_API_KEY": KEY, **variables,
        }  # fmt: skip
        self.processor = self.start_processor()
        self.origin = self.start()

    def start(self, **variables: str) -> Origin:
        return self._start(self.home, **{**self._variables, **variables})

    def start_processor(self) -> Process:
        env = {"DOORSTEP_HOME": str(self.home), **self._variables}
        log = self._folder / f"processor-{time.monotonic_ns()}.log"
        process = Process([sys.executable, "-m", "origin.processor"], env={**os.environ, **env}, log=log)
        self._stack.callback(process.stop)
        return process

    def restart_redis(self) -> None:
        """On the same port, with nothing in it but what was saved."""
        self.redis, _ = start_redis(self._stack, self._folder / "redis-again.log", self._port)

    def client(self) -> "redis.Redis":
        client = redis.Redis.from_url(self.redis_url)
        self._stack.callback(client.close)
        return client

    def send(self, visitor: str, *events: dict[str, Any]) -> None:
        """As a server does; only when the log has them all."""
        response = httpx.post(
            f"{self.origin.url}/v1/events",
            json={"events": list(events), "visitor": visitor},
            headers=BEARER,
            timeout=10,
        )
        assert response.json()["accepted"] == len(events), response.text

    def profile(self, visitor: str) -> dict[str, Any] | None:
        response = httpx.get(f"{self.origin.url}/v1/visitors/{visitor}", headers=BEARER, timeout=10)
        told: dict[str, Any] | None = response.json().get("profile")
        return told

    def folded(self, visitor: str, events: int) -> dict[str, Any]:
        """The profile once it has so many events."""
        wait_until(lambda: (self.profile(visitor) or {}).get("events") == events)
        profile = self.profile(visitor)
        assert profile
        return profile


@contextmanager
def pipeline(home: Path, folder: Path, **variables: str) -> Iterator[Pipeline]:
    with ExitStack() as stack:
        yield Pipeline(home, folder, stack, stack.enter_context(origins(folder)), **variables)


def view(id_: str, item: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "type": "view", "item": item, **more}


def cookie_of(visitor: str, **more: str) -> dict[str, str]:
    """The header with which the browser of ``visitor`` comes."""
    cookies = {"doorstep_visitor": sign(SECRET, visitor), **more}
    return {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}


def wait_until(holds: Callable[[], object], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)
