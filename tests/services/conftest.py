"""Real servers of the event log, each of which a test may kill and start anew on what it had on disk."""

import contextlib
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import redis
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from origin.kafka_broker import KafkaBroker
from shared.errors import Unavailable
from tests.conftest import absent
from tests.processes import Process, free_port


class DurableRedis:
    """A redis-server that has on disk whatever it acknowledged."""

    def __init__(self, folder: Path) -> None:
        self._program = shutil.which("redis-server") or shutil.which("valkey-server") or absent("redis-server")
        self._folder = folder
        self._port = free_port()
        self._process: Process | None = None
        self.url = f"redis://127.0.0.1:{self._port}"

    def start(self) -> None:
        command = [self._program, "--port", str(self._port), "--dir", str(self._folder), "--save", "",
                   "--appendonly", "yes", "--appendfsync", "always"]  # fmt: skip
        self._process = Process(command, log=self._folder / "redis.log")
        end = time.monotonic() + 10
        with redis.Redis.from_url(self.url) as client:
            while time.monotonic() < end and self._process.running:
                with contextlib.suppress(redis.ConnectionError):
                    client.ping()
                    return
        raise RuntimeError(self._process.output())

    def kill(self) -> None:
        if self._process:
            self._process.kill()


@pytest.fixture
def durable_redis(tmp_path: Path) -> Iterator[DurableRedis]:
    """A :class:`DurableRedis` of the test's own, running."""
    server = DurableRedis(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """A running broker; whoever kills it starts it again."""
    with kafka_broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@contextlib.contextmanager
def kafka_broker(folder: Path, more: Mapping[str, str] | None = None) -> Iterator[KafkaBroker]:
    """A broker that is ready inside the block; ``more`` are further entries of its ``server.properties``."""
    for program in ("java", "mvn"):
        if not shutil.which(program):
            absent(program)
    broker = KafkaBroker(folder, free_port(), free_port(), environ=os.environ, more=more)
    try:
        broker.start()
    except Unavailable as error:
        absent(f"Kafka ({error.detail})")
    warm_up(broker)
    yield broker
    broker.stop()


def warm_up(broker: KafkaBroker) -> None:
    """A broker that has just been started gives out no producer ids for some seconds, though it answers."""
    producer = Producer({"bootstrap.servers": broker.bootstrap, "enable.idempotence": True})
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    admin.create_topics([NewTopic("warm-up", 1, 1)])["warm-up"].result(20)
    producer.produce("warm-up", b"")
    assert producer.flush(30) == 0
