"""What is forgotten is gone from a Kafka broker's disk, not only from what it tells; and nothing else is."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
)

from origin.eventlog.encoding import decode
from origin.eventlog.kafka import KafkaLog, TopicPlan, open_topic
from origin.eventlog.kafka_archive import KafkaArchive
from origin.kafka_broker import KafkaBroker
from shared.events import Event, to_record
from tests.services.conftest import kafka_broker
from tests.services.logs import events_of

PATIENCE_S = 60
HASTE = {
    "segment.ms": "200",
    "max.compaction.lag.ms": "200",
    "min.cleanable.dirty.ratio": "0.01",
    "delete.retention.ms": "100",
    "file.delete.delay.ms": "100",
    "compression.type": "uncompressed",  # so that bytes can be looked for
}
"""What takes hours by default."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the broker keeps everything."""
    return tmp_path_factory.mktemp("kafka")


@pytest.fixture(scope="module")
def broker(folder: Path) -> Iterator[KafkaBroker]:
    """One of these tests' own, which cleans all the time."""
    more = {"log.cleaner.backoff.ms": "100", "log.retention.check.interval.ms": "500"}
    with kafka_broker(folder, more) as running:
        yield running


def settings_of(bootstrap: str, topic: str) -> dict[str, str]:
    resource = ConfigResource("topic", topic)
    admin = AdminClient({"bootstrap.servers": bootstrap})
    described = admin.describe_configs([resource])[resource].result(20)
    return {name: entry.value for name, entry in described.items()}


def hurry(bootstrap: str, topic: str) -> None:
    """As an operator would."""
    changes = [ConfigEntry(n, v, incremental_operation=AlterConfigOpType.SET) for n, v in HASTE.items()]
    resource = ConfigResource("topic", topic, incremental_configs=changes)
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.incremental_alter_configs([resource])[resource].result(20)
    end = time.monotonic() + PATIENCE_S
    while not HASTE.items() <= settings_of(bootstrap, topic).items():
        assert time.monotonic() < end
        time.sleep(0.05)


def on_disk(folder: Path, topic: str, words: list[str]) -> set[str]:
    """Which of ``words`` stand in any file of the topic, whatever kind of file it is."""
    while True:
        try:
            held = [path.read_bytes() for path in folder.glob(f"data/{topic}-*/*")]
        except FileNotFoundError:  # renamed or cleaned away meanwhile: perhaps we have missed what came in its place
            continue
        return {word for word in words if any(word.encode() in data for data in held)}


def until(holds: Callable[[], bool], meanwhile: Callable[[], None]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, "did not happen in time"
        meanwhile()
        time.sleep(0.1)


def test_what_is_forgotten_is_gone_from_the_disk_and_nothing_else(broker: KafkaBroker, folder: Path) -> None:
    plan = TopicPlan(broker.bootstrap, "erasure", 1, 1, 7, 5000)  # one partition: both visitors share its files
    open_topic(plan)
    hurry(broker.bootstrap, plan.name)
    archive, log = KafkaArchive(plan), KafkaLog(plan, encode=to_record)
    kept: list[Event] = []
    names = (f"later-{n}" for n in range(10_000))

    with asyncio.Runner() as runner:

        def append(events: list[Event]) -> None:
            runner.run(log.append(events))

        def time_passes() -> None:
            """Segments roll when something is appended only."""
            events = events_of("the-other-visitor", next(names))
            append(events)
            kept.extend(events)

        runner.run(log.open())
        gone = [e for n in range(30) for e in events_of("erased-visitor", f"erased-item-{n}")]
        both = events_of("the-other-visitor", *(f"kept-item-{n}" for n in range(30)))
        for pair in zip(gone, both, strict=True):
            append(list(pair))
        kept.extend(both)
        words = ["erased-visitor", *(event.item for event in gone)]
        assert on_disk(folder, plan.name, words) == set(words)

        assert archive.forget("erased-visitor") == 30
        assert list(archive.of("erased-visitor")) == []
        until(lambda: not on_disk(folder, plan.name, words), time_passes)
        time_passes()
        runner.run(log.close())

    assert [decode(record.value) for record in archive.of("the-other-visitor")] == kept
    assert on_disk(folder, plan.name, [event.item for event in kept]) == {event.item for event in kept}


def test_a_topic_is_made_so_that_an_erasure_takes_less_than_a_day(broker: KafkaBroker) -> None:
    plan = TopicPlan(broker.bootstrap, "shipped", 1, 1, 7, 5000)
    open_topic(plan)
    held = settings_of(broker.bootstrap, plan.name)
    assert held["cleanup.policy"] == "compact,delete"
    roll_ms, clean_ms, bury_ms = (
        int(held[name]) for name in ("segment.ms", "max.compaction.lag.ms", "delete.retention.ms")
    )
    # A segment that is open; the tombstones' own time; and the next cleaning, which takes them away as well.
    assert max(roll_ms, clean_ms) + bury_ms + max(roll_ms, clean_ms) < 86_400_000
    short = TopicPlan(broker.bootstrap, "short", 1, 1, 0.001, 5000)
    open_topic(short)
    held = settings_of(broker.bootstrap, short.name)
    assert held["segment.ms"] == held["retention.ms"] == "86400"
