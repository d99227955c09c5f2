"""The three event logs behind one face, so that one suite can hold them to the same contract."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import redis
from confluent_kafka import Producer

from origin.eventlog.base import Archive, Consumer, EventLog, Record, partition_of
from origin.eventlog.kafka import KafkaLog, TopicPlan
from origin.eventlog.kafka_archive import KafkaArchive
from origin.eventlog.kafka_consumer import KafkaConsumer
from origin.eventlog.memory import MemoryLog
from origin.eventlog.redis_archive import RedisArchive
from origin.eventlog.redis_consumer import RedisConsumer
from origin.eventlog.redis_streams import RedisLog, stream_key
from origin.kafka_broker import KafkaBroker
from shared.events import Event, to_record
from tests.services.conftest import DurableRedis

PARTITIONS = 4
DEADLINE_MS = 2500


class Place(Protocol):
    """Where a log lies, and how to get at it."""

    @property
    def log(self) -> EventLog: ...

    def consumer(self) -> Consumer: ...

    def archive(self) -> Archive: ...

    def put(self, visitor: str, value: bytes) -> None:
        """Append as another program would."""

    def kill(self) -> None: ...

    def restart(self) -> None: ...


class MemoryPlace:
    def __init__(self) -> None:
        self.log = MemoryLog(partitions=PARTITIONS)

    def consumer(self) -> Consumer:
        return self.log.consumer()

    def archive(self) -> Archive:
        return self.log.archive()

    def put(self, visitor: str, value: bytes) -> None:
        self.log.put([(visitor, value)])

    def kill(self) -> None:
        self.log.away = True

    def restart(self) -> None:
        self.log.away = False


class RedisPlace:
    def __init__(self, server: DurableRedis) -> None:
        self._server = server
        self._names = iter("abcdef")
        self.log = RedisLog(server.url, partitions=PARTITIONS, encode=to_record, deadline_ms=DEADLINE_MS)

    def consumer(self) -> Consumer:
        return RedisConsumer(
            self.client(), name=next(self._names), partitions=PARTITIONS, encode=to_record, lease_ms=2000
        )

    def archive(self) -> Archive:
        return RedisArchive(self.client())

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self._server.url, socket_timeout=5)

    def put(self, visitor: str, value: bytes) -> None:
        with self.client() as client:
            client.xadd(stream_key(partition_of(visitor, PARTITIONS)), {"visitor": visitor, "event": value})

    def kill(self) -> None:
        self._server.kill()

    def restart(self) -> None:
        self._server.start()


class KafkaPlace:
    def __init__(self, broker: KafkaBroker, topic: str) -> None:
        self._broker = broker
        self._names = iter("abcdef")
        self.plan = TopicPlan(broker.bootstrap, topic, PARTITIONS, 1, 7, DEADLINE_MS)
        self.log = KafkaLog(self.plan, encode=to_record)

    def consumer(self) -> Consumer:
        # A group of the test's own: a consumer that a failed test left behind must not have a part in the next one's.
        return KafkaConsumer(self.plan, name=next(self._names), encode=to_record, group=self.plan.name)

    def archive(self) -> Archive:
        return KafkaArchive(self.plan)

    def put(self, visitor: str, value: bytes) -> None:
        producer = Producer({"bootstrap.servers": self.plan.bootstrap})
        producer.produce(self.plan.name, value, visitor.encode(), partition_of(visitor, PARTITIONS))
        assert producer.flush(10) == 0

    def kill(self) -> None:
        self._broker.kill()

    def restart(self) -> None:
        self._broker.start()


class Bench:
    """A place, opened, and everything that a test opened there, to be closed after it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._runner = asyncio.Runner()
        self._close: list[Callable[[], None]] = []
        try:
            self._runner.run(place.log.open())
        except BaseException:
            self._runner.close()
            raise

    def append(self, events: Sequence[Event]) -> None:
        self._runner.run(self.place.log.append(events))

    def reachable(self) -> bool:
        return self._runner.run(self.place.log.reachable())

    def consumer(self) -> Consumer:
        consumer = self.place.consumer()
        self._close.append(consumer.close)
        return consumer

    def archive(self) -> Archive:
        archive = self.place.archive()
        self._close.append(archive.close)
        return archive

    def close(self) -> None:
        for close in self._close:
            close()
        self._runner.run(self.place.log.close())
        self._runner.close()


def events_of(visitor: str, *names: str) -> list[Event]:
    """Views of items, one for each of ``names``, which are their ids as well."""
    return [Event(name, visitor, "view", 1_700_000_000_000 + i, item=name) for i, name in enumerate(names)]


def values(records: Sequence[Record]) -> list[bytes]:
    return [record.value for record in records]
