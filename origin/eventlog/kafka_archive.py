"""What lies in Kafka of one visitor. Slow: a topic knows no visitors, so a whole partition is read."""

import time
from collections.abc import Iterator
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition

from origin.eventlog.base import Position, Record, partition_of
from origin.eventlog.kafka import SEPARATOR, Delivery, TopicPlan, answering, open_topic, producer_config

_PAGE = 1000


class KafkaArchive:
    """An :class:`~origin.eventlog.base.Archive`. Every call opens clients of its own."""

    def __init__(self, plan: TopicPlan) -> None:
        self._plan = plan
        self._limit_s = plan.deadline_ms / 1000

    def of(self, visitor: str) -> Iterator[Record]:
        """As promised; what was forgotten is not told, though it lies there until the next cleaning."""
        return (record for _, record in self._keyed(visitor))

    def forget(self, visitor: str, until: Position | None = None) -> int:
        """Appends a tombstone per key; none for a key that came again after ``until``, which outlives the earlier."""
        keys, later, count = set(), set(), 0
        for key, record in self._keyed(visitor):
            if until is None or (record.position.source == until.source and record.position <= until):
                keys.add(key)
                count += 1
            else:
                later.add(key)
        self._bury(visitor, keys - later)
        return count

    def trim(self, before_ms: int) -> int:
        """Nothing: Kafka does so by itself, by the topic's ``retention.ms``."""
        return 0

    def close(self) -> None:
        return

    def _keyed(self, visitor: str) -> Iterator[tuple[bytes, Record]]:
        """The visitor's records with their keys, but for those that a tombstone has followed."""
        with answering():
            topic = open_topic(self._plan)
        number = partition_of(visitor, topic.partitions)
        source = topic.source(number)
        name = visitor.encode()
        start = name + SEPARATOR
        found: list[tuple[bytes, Record]] = []
        buried: dict[bytes, int] = {}
        for message in self._whole(number):
            key, value, offset = message.key() or b"", message.value(), message.offset()
            if not key.startswith(start) and key != name:
                continue
            if value is None:
                buried[key] = offset
            else:
                found.append((key, Record(Position(source, offset), visitor, value, message.timestamp()[1])))
        return iter([(key, record) for key, record in found if record.position.high > buried.get(key, -1)])

    def _whole(self, number: int) -> Iterator[Any]:
        """Every message of the partition from the first up to the newest there is now."""
        consumer = Consumer(self._plan.client | {
            "group.id": "doorstep-archive", "enable.auto.commit": False, "isolation.level": "read_committed",
            "enable.partition.eof": True, "fetch.wait.max.ms": 100,
        })  # fmt: skip
        try:
            with answering():
                partition = TopicPartition(self._plan.name, number, OFFSET_BEGINNING)
                low, high = consumer.get_watermark_offsets(partition, self._limit_s)
                consumer.assign([partition])
            end, heard = high, time.monotonic()
            while low < end:
                with answering():
                    page: list[Any] = consumer.consume(_PAGE, 0.1)
                    if not page and time.monotonic() - heard > self._limit_s:
                        raise TimeoutError
                for message in page:
                    heard = time.monotonic()
                    if error := message.error():
                        if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - its name
                            with answering():
                                raise KafkaException(error)
                        low = end
                    elif message.offset() < end:
                        low = message.offset() + 1
                        yield message
        finally:
            consumer.close()

    def _bury(self, visitor: str, keys: set[bytes]) -> None:
        if not keys:
            return
        outcome: list[KafkaError | None] = []
        with answering():
            producer = Producer(producer_config(self._plan))
            delivery = Delivery(len(keys), outcome.append)
            number = partition_of(visitor, open_topic(self._plan).partitions)
            for key in keys:
                producer.produce(self._plan.name, None, key, number, delivery)
            producer.flush(self._limit_s)
            if not outcome:
                raise TimeoutError
            if outcome[0]:
                raise KafkaException(outcome[0])
