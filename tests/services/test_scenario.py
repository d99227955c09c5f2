"""One scenario, three shells: in memory, on Redis Streams and on Kafka the same events end in the same profiles."""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import redis

from origin.eventlog.base import Archive, Record
from origin.kafka_broker import KafkaBroker
from origin.profiles.base import ProfileWriter
from origin.profiles.memory import MemoryProfiles
from origin.profiles.redis_writer import RedisProfileWriter
from origin.stream.deadletter import DeadLetters
from origin.stream.erase import Eraser, Erasure
from origin.stream.runner import Erasing, Laying, Runner
from origin.stream.status import Status
from shared.events import ERASE, MERGE_OUT, Context, Event, read_batch
from shared.profile import Profile, describe
from tests.services.conftest import DurableRedis
from tests.services.logs import Bench, KafkaPlace, MemoryPlace, Place, RedisPlace

NOW_MS = 1_763_710_000_000
VISITORS = ("anna", "ben", "~cleo", "dora", "emil")
STAGES = [
    [json.loads(line) for line in stage.splitlines()]
    for stage in Path(__file__).with_name("scenario.jsonl").read_text().strip().split("\n\n")
]
"""What a stage says is folded before the next one begins."""


class Aside:
    """Dead letters of the shell in memory."""

    def __init__(self) -> None:
        self.letters: list[tuple[Record, str]] = []

    def add_all(self, letters: Sequence[tuple[Record, str]]) -> None:
        self.letters += letters

    def since(self, time_ms: int, most: int) -> list[int]:
        return []

    def count(self) -> int:
        return len(self.letters)


class Forgetting:
    """Erasure of the shell in memory: there is only the log."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def erase(self, erasure: Erasure, now_ms: int) -> None:
        self._archive.forget(erasure.visitor, erasure.until)


class Shell:
    """A runner with its log and store."""

    def __init__(self, bench: Bench, writer: ProfileWriter, dead: Any, eraser: Erasing) -> None:
        self.bench = bench
        self.writer = writer
        self.dead = dead
        self.status = Status("scenario", 1, NOW_MS)
        self.consumer = bench.consumer()
        laying: Laying = dead
        self.runner = Runner(
            self.consumer, writer, laying, eraser, self.status,
            batch=3, flood=10, stop=threading.Event(), clock_ms=lambda: NOW_MS,
        )  # fmt: skip

    def play(self, stage: list[dict[str, Any]]) -> None:
        """Append what ``stage`` says, and turn until all of it, and what follows from it, is committed."""
        for said in stage:
            if "poison" in said:
                self.bench.place.put("anna", said["poison"].encode())
            else:
                self.bench.append([event(said)])
        still, end = 0, time.monotonic() + 60
        while still < 3:
            assert time.monotonic() < end, (self.consumer.lag(), vars(self.status))
            before = self.status.committed
            self.runner.turn()
            idle = self.status.committed == before and sum(self.consumer.lag().values()) == 0
            still = still + 1 if idle and self.consumer.lag() else 0

    def profiles(self) -> dict[str, Profile | None]:
        return {
            visitor: stored and stored.profile
            for visitor, stored in zip(VISITORS, self.writer.get_many(VISITORS), strict=True)
        }


def event(said: dict[str, Any]) -> Event:
    """What a trusted sender would have sent; or a record of the processor's own kinds."""
    if said["type"] in (MERGE_OUT, ERASE):
        details = {"into": said["into"]} if "into" in said else {}
        return Event(said["id"], said["visitor"], said["type"], said["time"], details=details)
    batch = read_batch({"events": [said]}, visitor="", context=Context(), now_ms=NOW_MS, trusted=True)
    assert not batch.rejected
    return batch.events[0]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def in_memory(stack: ExitStack) -> Shell:
    bench = stack.enter_context(closing(Bench(MemoryPlace())))
    return Shell(bench, MemoryProfiles(), Aside(), Forgetting(bench.archive()))


def with_redis(stack: ExitStack, place: Place, url: str) -> Shell:
    bench = stack.enter_context(closing(Bench(place)))
    client = stack.enter_context(closing(redis.Redis.from_url(url)))
    writer = stack.enter_context(closing(RedisProfileWriter(url, profile_days=1, session_profile_h=1)))
    dead = DeadLetters(client, 100)
    return Shell(bench, writer, dead, Eraser(client, bench.archive(), dead))


def test_the_same_profiles_from_memory_redis_streams_and_kafka(
    durable_redis: DurableRedis, kafka: KafkaBroker, stack: ExitStack
) -> None:
    found = []
    for make in (
        lambda: in_memory(stack),
        lambda: with_redis(stack, RedisPlace(durable_redis), durable_redis.url),
        lambda: with_redis(stack, KafkaPlace(kafka, "scenario"), durable_redis.url),
    ):
        if found:
            with redis.Redis.from_url(durable_redis.url) as client:
                client.flushall()
        shell = make()
        for stage in STAGES:
            shell.play(stage)
        found.append(shell.profiles())
        assert shell.dead.count() == 1
    memory, streams, broker = found
    assert memory == streams == broker
    check(memory)


def check(profiles: dict[str, Profile | None]) -> None:
    """What a reader of the scenario expects."""
    told = {v: describe(p, NOW_MS // 1000) for v, p in profiles.items() if p}
    anna, ben, dora, emil = told["anna"], told["ben"], told["dora"], told["emil"]
    assert anna["counts"] == {
        "view": 3, "click": 1, "cart": 1, "uncart": 1, "purchase": 1, "impression": 1, "dwell": 1,
    }  # fmt: skip
    assert [entry["item"] for entry in anna["recent"]] == ["20727", "22423", "20725", "85123A"]
    assert (anna["purchased"], anna["value"]) == (["22423"], 25.5)
    assert (dora["merged_into"], dora["recent"]) == ("anna", [])
    assert ben["counts"] == {"view": 2, "search": 1, "rating": 1, "custom": 1, "profile": 1}
    assert [entry["item"] for entry in ben["recent"]] == ["47566", "21034"]
    assert ben["attributes"] == {"segment": "trade", "vip": True}
    assert [entry["item"] for entry in emil["recent"]] == ["21212"]
    assert emil["events"] == 1
    assert told["~cleo"]["events"] == 1
