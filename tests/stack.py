"""All of Doorstep as separate processes, for tests, benchmarks and chaos: each can be killed and started again."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import httpx
import redis

from origin.commands.build_edge import ROOT, build
from origin.edge_process import find_workerd
from origin.embedded_redis import find_server
from origin.kafka_broker import KafkaBroker
from origin.registry import Registry
from tests.processes import Process, free_port

SECRET = "a secret of this run"
API_KEY = "the key of this run"


class Part:
    """One process: started, killed without warning, paused, started again."""

    def __init__(
        self, name: str, command: Sequence[str], *, log: Path, ready: Callable[[], object], env: Mapping[str, str]
    ) -> None:
        self.name = name
        self._command = command
        self._log = log
        self._ready = ready
        self._env = env
        self._starts = 0
        self.process: Process | None = None

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.running

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self, patience_s: float = 60) -> None:
        """Start it and wait until it is ready; RuntimeError with its last words if it is not."""
        self._starts += 1
        self.process = Process(self._command, env=self._env, log=self._log.with_suffix(f".{self._starts}.log"))
        end = time.monotonic() + patience_s
        while time.monotonic() < end and self.process.running:
            with contextlib.suppress(httpx.HTTPError, redis.RedisError, OSError):
                if self._ready():
                    return
            time.sleep(0.05)
        words = self.process.output()
        self.kill()
        raise RuntimeError(f"{self.name} did not start:\n{words}")

    def last_words(self) -> str:
        return self.process.output() if self.process else ""

    def kill(self) -> None:
        """SIGKILL."""
        if self.process:
            self.process.kill()

    def stop(self) -> None:
        if self.process:
            self.process.stop()


class Stack:
    """Redis, perhaps Kafka, one origin, processors and an edge, on loopback, in ``folder``; nothing is started yet.

    ``model`` is published; ``variables`` are further DOORSTEP_* ones.
    """

    def __init__(self, folder: Path, *, model: bytes, kafka: bool, processors: int = 1, **variables: str) -> None:
        self.folder = folder
        self._model = model
        ports = {name: free_port() for name in ("redis", "origin", "edge")}
        self.redis_url = f"redis://127.0.0.1:{ports['redis']}"
        self.origin_url = f"http://127.0.0.1:{ports['origin']}"
        self.edge_url = f"http://127.0.0.1:{ports['edge']}"
        self.kafka = KafkaBroker(folder / "kafka", free_port(), free_port(), environ=os.environ) if kafka else None
        self.env = {
            "DOORSTEP_HOME": str(folder / "home"),
            "DOORSTEP_SECRET": SECRET,
            "DOORSTEP_API_KEY": API_KEY,
            "DOORSTEP_REDIS_URL": self.redis_url,
            "DOORSTEP_ORIGIN_PORT": str(ports["origin"]),
            "DOORSTEP_ORIGIN_URL": self.origin_url,
            "DOORSTEP_KAFKA_BOOTSTRAP": self.kafka.bootstrap if self.kafka else "",
            "OPENBLAS_NUM_THREADS": "1",
            **variables,
        }
        self.redis = self._redis(ports["redis"])
        self.origin = self._part("origin", [sys.executable, "-m", "origin.server"], self.origin_url + "/healthz")
        self.processors = [
            self._part(f"processor {n + 1}", [sys.executable, "-m", "origin.processor"]) for n in range(processors)
        ]
        edge = f"127.0.0.1:{ports['edge']}"
        bundle = str(folder / "edge" / "workerd.bin")
        command = [str(find_workerd(ROOT)), "serve", "--binary", bundle, "--socket-addr", f"http={edge}"]
        self.edge = self._part("edge", command, self.edge_url + "/healthz")

    @contextlib.contextmanager
    def running(self, *, edge: bool = True) -> Iterator[None]:
        """Everything runs inside the block; nothing does after it."""
        Registry(self.folder / "home" / "registry").publish(self._model)
        with contextlib.ExitStack() as stack:
            if self.kafka:
                stack.callback(self.kafka.stop)
                self.kafka.start()
            parts = [self.redis, self.origin, *self.processors]
            if edge:
                (self.folder / "model").write_bytes(self._model)
                build(self.folder / "edge", model=self.folder / "model")
                parts.append(self.edge)
            for part in parts:
                stack.callback(part.stop)
                part.start()
            yield

    def store(self) -> "redis.Redis":
        """A client of the stack's Redis."""
        return redis.Redis.from_url(self.redis_url)

    def _part(self, name: str, command: Sequence[str], url: str = "") -> Part:
        def ready() -> bool:
            return not url or httpx.get(url, timeout=2).status_code == httpx.codes.OK

        return Part(name, command, env=self.env, log=self.folder / f"{name.replace(' ', '-')}.log", ready=ready)

    def _redis(self, port: int) -> Part:
        folder = self.folder / "redis"
        folder.mkdir(parents=True)
        fsync = "everysec" if self.kafka else "always"  # Redis is the log, too, unless Kafka is
        command = [
            find_server(os.environ), "--port", str(port), "--dir", str(folder), "--save", "", "--appendonly", "yes",
            "--appendfsync", fsync, "--maxmemory-policy", "noeviction",
        ]  # fmt: skip
        return Part("redis", command, env={}, log=folder / "redis.log", ready=lambda: self.store().ping())
