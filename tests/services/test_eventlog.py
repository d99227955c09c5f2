"""One contract for the event log in memory, in Redis Streams and in Kafka; servers are killed, not asked to stop."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest
import redis
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]

from origin.eventlog.base import Consumer, Position, Record, partition_of
from origin.eventlog.choose import open_consumer, open_log
from origin.eventlog.encoding import decode
from origin.eventlog.kafka import Topic, TopicPlan, open_topic
from origin.eventlog.redis_streams import RedisLog
from origin.kafka_broker import KafkaBroker
from origin.settings import Settings
from shared.errors import Unavailable
from shared.events import Event, to_record
from tests.processes import Process
from tests.services.conftest import DurableRedis
from tests.services.logs import PARTITIONS, Bench, KafkaPlace, MemoryPlace, Place, RedisPlace, events_of

PATIENCE_S = 30
VISITORS = [f"v{i}" for i in range(40)]


@pytest.fixture(params=["memory", "redis", "kafka"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    place: Place
    if request.param == "memory":
        place = MemoryPlace()
    elif request.param == "redis":
        place = RedisPlace(request.getfixturevalue("durable_redis"))
    else:
        place = KafkaPlace(request.getfixturevalue("kafka"), f"test-{uuid4().hex}")
    bench = Bench(place)
    yield bench
    bench.close()


@pytest.fixture
def redis_bench(durable_redis: DurableRedis) -> Iterator[Bench]:
    bench = Bench(RedisPlace(durable_redis))
    yield bench
    bench.close()


def take(consumer: Consumer, count: int, most: int = 1000) -> list[Record]:
    """So many records, by as many polls as it takes."""
    records: list[Record] = []
    end = time.monotonic() + PATIENCE_S
    while len(records) < count:
        records += consumer.poll(most, 0.1)
        assert time.monotonic() < end, f"{len(records)} of {count} came"
    return records


def until(true: Callable[[], object], *consumers: Consumer) -> list[Record]:
    """Poll ``consumers`` until something holds; what they brought."""
    records: list[Record] = []
    end = time.monotonic() + PATIENCE_S
    while not true():
        for consumer in consumers:
            records += consumer.poll(1000, 0.05)
        assert time.monotonic() < end
    return records


def done(records: Sequence[Record]) -> dict[int, Position]:
    """The last position of each source."""
    return {record.position.source: record.position for record in records}


def ids(records: Sequence[Record]) -> list[str]:
    return [decode(record.value).id for record in records]


def has(consumer: Consumer) -> int:
    """How many partitions it has, losses taken note of."""
    consumer.lost()
    return len(consumer.lag())


def crowd(prefix: str = "e") -> list[Event]:
    """Two events of each of many visitors, so that every partition has some."""
    return [e for visitor in VISITORS for e in events_of(visitor, f"{prefix}1-{visitor}", f"{prefix}2-{visitor}")]


def test_the_crowd_is_everywhere() -> None:
    assert {partition_of(visitor, PARTITIONS) for visitor in VISITORS} == set(range(PARTITIONS))


def test_a_record_is_what_was_appended(bench: Bench) -> None:
    (event,) = events_of("v", "e1")
    before_ms = time.time_ns() // 1_000_000
    bench.append([event])
    (record,) = take(bench.consumer(), 1)
    assert (record.visitor, record.value) == ("v", to_record(event))
    assert before_ms - 1000 <= record.appended_ms <= time.time_ns() // 1_000_000 + 1000
    assert record.position.source & 0xFFFF == partition_of("v", PARTITIONS)


def test_each_visitors_events_come_in_order_and_in_one_partition(bench: Bench) -> None:
    for step in range(20):
        bench.append([e for visitor in VISITORS[:5] for e in events_of(visitor, f"{step}a", f"{step}b")])
    records = take(bench.consumer(), 200, most=7)
    for visitor in VISITORS[:5]:
        own = [record for record in records if record.visitor == visitor]
        assert ids(own) == [f"{step}{letter}" for step in range(20) for letter in "ab"]
        assert len({record.position.source for record in own}) == 1
        assert [r.position for r in own] == sorted({r.position for r in own})


def test_a_poll_brings_at_most_what_was_asked_for(bench: Bench) -> None:
    bench.append(crowd())
    consumer = bench.consumer()
    sizes: list[int] = []
    while sum(sizes) < 2 * len(VISITORS):
        sizes.append(len(consumer.poll(3, 1)))
    assert max(sizes) <= 3


def test_nothing_appended_is_nothing(bench: Bench) -> None:
    bench.append([])
    consumer = bench.consumer()
    consumer.append([])
    until(consumer.lag, consumer)
    assert not consumer.poll(10, 0.1)
    assert sum(consumer.lag().values()) == 0


def test_what_is_sent_again_comes_again(bench: Bench) -> None:
    bench.append(events_of("v", "e1", "e2"))
    bench.append(events_of("v", "e1", "e2"))
    assert ids(take(bench.consumer(), 4)) == ["e1", "e2", "e1", "e2"]


def test_a_consumer_appends_too(bench: Bench) -> None:
    consumer = bench.consumer()
    consumer.append(events_of("v", "e1"))
    assert ids(take(consumer, 1)) == ["e1"]


def test_what_was_not_committed_comes_again(bench: Bench) -> None:
    bench.append(events_of("v", "e1", "e2", "e3"))
    consumer = bench.consumer()
    records = take(consumer, 3)
    consumer.commit(done(records[:1]))
    consumer.close()
    assert ids(take(bench.consumer(), 2)) == ["e2", "e3"]


def test_what_was_committed_never_comes_again(bench: Bench) -> None:
    bench.append(crowd())
    consumer = bench.consumer()
    consumer.commit(done(take(consumer, 80)))
    consumer.close()
    bench.append(events_of("v", "new"))
    assert ids(take(bench.consumer(), 1)) == ["new"]


def test_rewinding_goes_back_to_the_last_commit(bench: Bench) -> None:
    bench.append(crowd("a"))
    consumer = bench.consumer()
    consumer.commit(done(take(consumer, 80)))
    bench.append(crowd("b"))
    assert sorted(ids(take(consumer, 80))) == sorted(event.id for event in crowd("b"))
    consumer.rewind()
    assert sorted(ids(take(consumer, 80))) == sorted(event.id for event in crowd("b"))


def test_rewinding_before_any_commit_goes_back_to_the_start(bench: Bench) -> None:
    bench.append(crowd())
    consumer = bench.consumer()
    first = take(consumer, 80)
    consumer.rewind()
    assert sorted(take(consumer, 80)) == sorted(first)


def test_lag_counts_what_is_not_committed(bench: Bench) -> None:
    bench.append(crowd())
    consumer = bench.consumer()
    records = take(consumer, 80)
    by_partition = [partition_of(visitor, PARTITIONS) for visitor in VISITORS]
    assert consumer.lag() == {number: 2 * by_partition.count(number) for number in range(PARTITIONS)}
    some = done(records)
    position = some.pop(next(iter(some)))
    consumer.commit(some)
    number = position.source & 0xFFFF
    assert {n: count for n, count in consumer.lag().items() if count} == {number: 2 * by_partition.count(number)}
    consumer.commit({position.source: position})
    bench.append(events_of("v", "e1"))
    take(consumer, 1)
    assert sum(consumer.lag().values()) == 1


def test_two_consumers_share_the_partitions(bench: Bench) -> None:
    one, two = bench.consumer(), bench.consumer()
    until(lambda: has(one) == has(two) == PARTITIONS // 2, one, two)
    assert one.lag().keys() | two.lag().keys() == set(range(PARTITIONS))
    bench.append(crowd())
    came: dict[str, list[Record]] = {"one": [], "two": []}
    end = time.monotonic() + PATIENCE_S
    while sum(map(len, came.values())) < 80 and time.monotonic() < end:
        came["one"] += one.poll(100, 0.05)
        came["two"] += two.poll(100, 0.05)
    assert sorted(ids([*came["one"], *came["two"]])) == sorted(event.id for event in crowd())
    assert all(came.values())


def test_who_loses_a_partition_is_told_and_the_next_goes_on_from_the_commit(bench: Bench) -> None:
    bench.append(crowd("a"))
    one = bench.consumer()
    records = take(one, 80)
    one.commit(done(records))
    bench.append(crowd("b"))
    take(one, 80)
    two = bench.consumer()
    lost: list[int] = []
    came: list[Record] = []
    end = time.monotonic() + PATIENCE_S
    while len(came) < 1 or len(two.lag()) < PARTITIONS // 2:
        one.poll(100, 0.05)
        lost += one.lost()
        came += two.poll(100, 0.05)
        assert time.monotonic() < end
    assert len(set(lost)) == PARTITIONS // 2
    while len(came) < sum(record.position.source in lost for record in records):
        came += two.poll(100, 0.05)
        assert time.monotonic() < end
    assert {record.position.source for record in came} == set(lost)
    assert {decode(r.value).id for r in came} <= {event.id for event in crowd("b")}


def test_a_consumer_that_goes_leaves_its_partitions_to_the_other(bench: Bench) -> None:
    one, two = bench.consumer(), bench.consumer()
    until(lambda: (one.lag() and two.lag()) or (one.lost() and False), one, two)
    two.close()
    until(lambda: len(one.lag()) == PARTITIONS or (one.lost() and False), one)
    bench.append(crowd())
    one.lost()
    assert len(take(one, 80)) == 80


def test_the_archive_knows_a_visitors_records(bench: Bench) -> None:
    bench.append(crowd())
    archive = bench.archive()
    assert ids(list(archive.of("v7"))) == ["e1-v7", "e2-v7"]
    assert list(archive.of("nobody")) == []


def test_the_archive_forgets_up_to_a_position(bench: Bench) -> None:
    bench.append([*events_of("v", "e1", "e2"), *events_of("w", "e1"), *events_of("v", "e3")])
    archive = bench.archive()
    second = list(archive.of("v"))[1].position
    assert archive.forget("v", second) == 2
    assert ids(list(archive.of("v"))) == ["e3"]
    assert archive.forget("v", second) == 0
    assert archive.forget("v") == 1
    assert list(archive.of("v")) == []
    assert ids(list(archive.of("w"))) == ["e1"]


def test_forgetting_by_a_position_in_another_log_forgets_nothing(bench: Bench) -> None:
    bench.append(events_of("v", "e1"))
    archive = bench.archive()
    (record,) = archive.of("v")
    assert archive.forget("v", record.position._replace(source=record.position.source ^ 0x10000)) == 0
    assert ids(list(archive.of("v"))) == ["e1"]


def test_what_was_forgotten_does_not_count_as_lag_for_long(bench: Bench) -> None:
    bench.append(events_of("v", "e1", "e2"))
    consumer = bench.consumer()
    consumer.commit(done(take(consumer, 2)))
    bench.archive().forget("v")
    until(lambda: sum(consumer.lag().values()) == 0, consumer)
    bench.append(events_of("v", "e3"))
    assert ids(take(consumer, 1)) == ["e3"]


def test_rubbish_reaches_the_reader_as_it_is(bench: Bench) -> None:
    bench.place.put("v", b"\xff\x00rubbish")
    bench.append(events_of("v", "e1"))
    rubbish, record = take(bench.consumer(), 2)
    assert (rubbish.visitor, rubbish.value) == ("v", b"\xff\x00rubbish")
    assert ids([record]) == ["e1"]
    assert [r.value for r in bench.archive().of("v")] == [b"\xff\x00rubbish", record.value]


def test_a_server_that_was_killed_has_what_it_acknowledged_and_is_found_again(bench: Bench) -> None:
    consumer = bench.consumer()
    bench.append(crowd("a"))
    take(consumer, 80)
    bench.append(crowd("b"))
    bench.place.kill()
    try:
        assert not bench.reachable()
        with pytest.raises(Unavailable):
            bench.append(events_of("v", "lost?"))
        with pytest.raises(Unavailable):
            until(lambda: False, consumer)
        with pytest.raises(Unavailable):
            consumer.append(events_of("v", "lost?"))
        with pytest.raises(Unavailable):
            list(bench.archive().of("v"))
    finally:
        bench.place.restart()
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            bench.append(events_of("v", "after"))
            break
        except Unavailable:
            assert time.monotonic() < end
    found: set[str] = set()
    wanted = {event.id for event in crowd("b")} | {"after"}
    consumer.rewind()
    while not wanted <= found:
        assert time.monotonic() < end
        try:
            found |= set(ids(consumer.poll(1000, 0.1)))
            consumer.lost()
        except Unavailable:
            continue
    assert {event.id for event in crowd("a")} <= found
    assert bench.reachable()


def test_in_memory_a_consumer_waits_for_what_another_thread_appends() -> None:
    log = MemoryPlace().log
    consumer = log.consumer()
    with ThreadPoolExecutor(1) as threads:
        came = threads.submit(consumer.poll, 10, PATIENCE_S)
        log.put([("v", b"x")])
        assert [record.value for record in came.result()] == [b"x"]


def test_redis_keeps_the_number_of_partitions_that_its_log_was_made_with(durable_redis: DurableRedis) -> None:
    async def append(partitions: int) -> None:
        log = RedisLog(durable_redis.url, partitions=partitions, encode=to_record, deadline_ms=2500)
        await log.append(crowd())
        await log.close()

    asyncio.run(append(3))
    asyncio.run(append(5))
    consumer = RedisPlace(durable_redis).consumer()
    take(consumer, 160)
    assert consumer.lag().keys() == {0, 1, 2}
    consumer.close()


def test_an_emptied_redis_is_another_log(durable_redis: DurableRedis, redis_bench: Bench) -> None:
    consumer = redis_bench.consumer()
    redis_bench.append(events_of("v", "e1"))
    (before,) = take(consumer, 1)
    consumer.commit(done([before]))
    with redis.Redis.from_url(durable_redis.url) as client:
        client.flushall()
    redis_bench.append(events_of("v", "e2"))
    lost: list[int] = []
    came: list[Record] = []
    end = time.monotonic() + PATIENCE_S
    while {r.position.source for r in came} <= {before.position.source} and time.monotonic() < end:
        came += consumer.poll(10, 0.05)
        lost += consumer.lost()
    # Until the consumer hears of it, it may take the new log for the old one; what it read then comes once more.
    assert set(ids(came)) == {"e2"}
    assert before.position.source in lost
    assert came[-1].position.source not in lost


def test_redis_trims_what_is_committed_and_nothing_else(redis_bench: Bench) -> None:
    redis_bench.append(events_of("v", *(f"e{i}" for i in range(250))))
    consumer, archive = redis_bench.consumer(), redis_bench.archive()
    records = take(consumer, 250)
    assert archive.trim(2**52) == 0
    consumer.commit(done(records[:210]))
    assert archive.trim(records[0].appended_ms) == 0
    assert archive.trim(2**52) == 210
    assert ids(list(archive.of("v"))) == [f"e{i}" for i in range(210, 250)]
    assert sum(consumer.lag().values()) == 40


def test_a_commit_in_redis_never_goes_back(redis_bench: Bench) -> None:
    redis_bench.append(events_of("v", "e1", "e2", "e3"))
    consumer = redis_bench.consumer()
    records = take(consumer, 3)
    for record in (records[1], records[0]):
        consumer.commit(done([record]))
    consumer.rewind()
    assert ids(take(consumer, 1)) == ["e3"]


def test_redis_is_asked_whether_it_may_lose_anything(durable_redis: DurableRedis) -> None:
    async def risks() -> list[str]:
        log = RedisLog(durable_redis.url, partitions=1, encode=to_record, deadline_ms=2500)
        found = list(await log.risks())
        await log.close()
        return found

    assert asyncio.run(risks()) == []
    with redis.Redis.from_url(durable_redis.url) as client:
        client.config_set("appendfsync", "everysec")
        assert ["everysec" in risk for risk in asyncio.run(risks())] == [True]
        client.config_set("maxmemory", "100mb")
        client.config_set("maxmemory-policy", "allkeys-lru")
        assert ["allkeys-lru" in risk for risk in asyncio.run(risks())] == [False, True]
        client.config_set("appendonly", "no")
        assert ["appendonly" in risk for risk in asyncio.run(risks())] == [True, False]
        client.acl_setuser("default", commands=["-config"])
        assert ["not known" in risk for risk in asyncio.run(risks())] == [True]


def test_kafkas_topic_is_made_to_forget_by_key_and_by_age(kafka: KafkaBroker) -> None:
    place = KafkaPlace(kafka, f"test-{uuid4().hex}")
    asyncio.run(place.log.open())
    resource = ConfigResource(ConfigResource.Type.TOPIC, place.plan.name)
    admin = AdminClient(place.plan.client)
    config = admin.describe_configs([resource])[resource].result(10)
    assert config["cleanup.policy"].value == "compact,delete"
    assert config["retention.ms"].value == str(7 * 24 * 3600_000)
    assert config["message.timestamp.type"].value == "LogAppendTime"
    asyncio.run(place.log.close())


def test_a_kafka_topic_made_anew_is_another_log(kafka: KafkaBroker) -> None:
    plan = KafkaPlace(kafka, f"test-{uuid4().hex}").plan
    first = open_topic(plan)
    assert open_topic(plan) == first
    admin = AdminClient(plan.client)
    admin.delete_topics([plan.name])[plan.name].result(10)
    end = time.monotonic() + PATIENCE_S
    while (second := _open_topic_or_none(plan)) in (None, first):
        assert time.monotonic() < end
    assert second is not None
    assert second.partitions == first.partitions


def _open_topic_or_none(plan: TopicPlan) -> Topic | None:
    with suppress(Unavailable):
        return open_topic(plan)
    return None


CONSUME_FOREVER = """
import os
from origin.eventlog.choose import open_consumer
from origin.settings import Settings
consumer = open_consumer(Settings.from_environ(os.environ), "doomed")
while True:
    print(len(consumer.poll(100, 0.1)), sorted(consumer.lag()), flush=True)
    consumer.lost()
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["redis", "kafka"])
def test_the_partitions_of_a_killed_processor_go_to_another(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if kind == "redis":
        environ = {"DOORSTEP_REDIS_URL": request.getfixturevalue("durable_redis").url}
    else:
        environ = {"DOORSTEP_KAFKA_BOOTSTRAP": request.getfixturevalue("kafka").bootstrap}
    environ["DOORSTEP_KAFKA_TOPIC"] = f"test-{uuid4().hex}"
    environ["DOORSTEP_LOG_FORMAT"] = "avro"
    settings = Settings.from_environ(environ)

    async def append() -> None:
        log = open_log(settings)
        await log.open()
        await log.append(crowd())
        await log.close()

    asyncio.run(append())
    doomed = Process([sys.executable, "-c", CONSUME_FOREVER], env=environ, log=tmp_path / "doomed.log")
    try:
        end = time.monotonic() + PATIENCE_S
        while "[0, 1, 2, 3]" not in doomed.output():
            assert doomed.running, doomed.output()
            assert time.monotonic() < end, doomed.output()
    finally:
        doomed.kill()
    consumer = open_consumer(settings, "heir")
    records = take(consumer, 80)  # none of them was committed
    assert sorted(ids(records)) == sorted(event.id for event in crowd())
    consumer.close()
