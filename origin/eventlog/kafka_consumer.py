"""The processor's end of the log in Kafka: a consumer group that commits by hand, partitions moving cooperatively."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition

from origin.eventlog.base import Position, Record, partition_in
from origin.eventlog.kafka import (
    SEPARATOR,
    Delivery,
    Encode,
    Topic,
    TopicPlan,
    answering,
    open_topic,
    produce,
    producer_config,
)
from shared.events import Event

GROUP = "doorstep"
_NOT_OURS = (
    KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID, KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.FENCED_INSTANCE_ID, KafkaError._ASSIGNMENT_LOST,  # noqa: SLF001 - librdkafka's own errors are called so
)  # fmt: skip
"""A commit that fails so comes too late: another consumer does the same once more, which changes nothing."""


class KafkaConsumer:
    """A :class:`~origin.eventlog.base.Consumer`. One that ends without :meth:`close` keeps its partitions for 6 s."""

    def __init__(self, plan: TopicPlan, *, name: str, encode: Encode, group: str = GROUP) -> None:
        self._plan = plan
        self._encode = encode
        self._limit_s = plan.deadline_ms / 1000
        self._consumer = Consumer(plan.client | {
            "group.id": group, "client.id": name, "partition.assignment.strategy": "cooperative-sticky",
            "enable.auto.commit": False, "enable.auto.offset.store": False, "auto.offset.reset": "earliest",
            "isolation.level": "read_committed", "session.timeout.ms": 6000, "heartbeat.interval.ms": 1500,
            "fetch.wait.max.ms": 100, "fetch.queue.backoff.ms": 20, "queued.max.messages.kbytes": 16384,
            "topic.metadata.refresh.interval.ms": 30_000, "error_cb": self._complain,
        })  # fmt: skip
        self._producer: Producer | None = None
        self._topic: Topic | None = None
        self._unsure = False
        """Whether the topic may be another one than it was: partitions were handed out since we looked."""
        self._away: KafkaError | None = None
        self._lost: list[int] = []
        self._held: list[Any] = []
        """Read already, but not to be handed out before the losses are."""
        self._rewinding = False
        self._next: dict[int, int] = {}
        """The offset after the last one read, by partition."""
        self._given: dict[int, int] = {}
        """The last offset handed out; beyond it there may be tombstones, which nobody is shown."""
        self._committed: dict[int, int] = {}

    def poll(self, most: int, timeout_s: float) -> Sequence[Record]:
        with answering():
            if self._topic is None:
                self._topic = open_topic(self._plan)
                self._consumer.subscribe(
                    [self._plan.name], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
                )
            if self._unsure:
                self._look_again()
            if self._rewinding:
                self._seek_back()
            messages = () if self._lost else self._messages(most, timeout_s)
            if not messages and self._away:
                self._ask_whether_away()
        return self._records(messages)

    def lost(self) -> Sequence[int]:
        lost, self._lost = self._lost, []
        return lost

    def rewind(self) -> None:
        """Done by the next :meth:`poll`, which reads nothing if it cannot be done."""
        self._rewinding = True
        self._held = []

    def commit(self, done: Mapping[int, Position]) -> None:
        topic = self._topic
        offsets = {
            number: self._after(number, position.high)
            for source, position in done.items()
            if topic and source == topic.source(number := partition_in(source))
        }
        if not offsets:
            return
        with answering():
            try:
                self._consumer.commit(offsets=self._at(offsets), asynchronous=False)
            except KafkaException as error:
                if error.args[0].code() not in _NOT_OURS:
                    raise
            else:
                self._committed |= offsets

    def lag(self) -> Mapping[int, int]:
        with answering():
            return {partition.partition: self._behind(partition) for partition in self._consumer.assignment()}

    def append(self, events: Sequence[Event]) -> None:
        if not events:
            return
        outcome: list[KafkaError | None] = []
        with answering():
            topic = self._topic or open_topic(self._plan)
            self._producer = producer = self._producer or Producer(producer_config(self._plan))
            produce(producer, self._plan.name, topic, events, self._encode, Delivery(len(events), outcome.append))
            end = time.monotonic() + self._limit_s
            while not outcome:
                producer.poll(max(0.0, end - time.monotonic()))
                if not outcome and time.monotonic() > end:
                    raise TimeoutError
            if error := outcome[0]:
                self._producer = None if error.fatal() else producer
                raise KafkaException(error)

    def close(self) -> None:
        self._consumer.close()

    def _messages(self, most: int, timeout_s: float) -> Sequence[Any]:
        """What has come. The client would wait for ``most`` of them; so it waits for one and then takes what is there.

        Partitions may move meanwhile. What it brings after it said so is right, what it brought before may not be;
        both wait until the caller knows of the losses.
        """
        if self._held:
            held, self._held = self._held, []
            return held
        first: list[Any] = self._consumer.consume(1, timeout_s)
        rest: list[Any] = []
        if first and most > 1 and not self._moved():
            rest = self._consumer.consume(most - 1, 0)
            if self._moved():
                gone = {partition_in(source) for source in self._lost}
                first = [message for message in first if message.partition() not in gone]
        if self._moved():
            self._held = first + rest
            return ()
        return first + rest

    def _moved(self) -> bool:
        return bool(self._lost or self._unsure)

    def _records(self, messages: Sequence[Any]) -> list[Record]:
        records = []
        base = self._topic.source(0) if self._topic else 0
        for message in messages:
            if error := message.error():
                self._away = error
                continue
            number, offset, value = message.partition(), message.offset(), message.value()
            self._next[number] = offset + 1
            if value is not None:
                self._given[number] = offset
                visitor = (message.key() or b"").partition(SEPARATOR)[0].decode(errors="replace")
                records.append(Record(Position(base | number, offset), visitor, value, message.timestamp()[1]))
        return records

    def _assigned(self, _consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        self._unsure = True
        for partition in partitions:
            self._forget(partition.partition)

    def _revoked(self, _consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        for partition in partitions:
            self._forget(partition.partition)
            if self._topic:
                self._lost.append(self._topic.source(partition.partition))

    def _forget(self, number: int) -> None:
        for known in (self._next, self._given, self._committed):
            known.pop(number, None)

    def _look_again(self) -> None:
        """A topic that was deleted and made anew is another log, whose offsets mean something else."""
        now = open_topic(self._plan)
        if self._topic and now.log != self._topic.log:
            self._lost += [self._topic.source(partition.partition) for partition in self._consumer.assignment()]
        self._topic, self._unsure = now, False

    def _seek_back(self) -> None:
        """Every partition to its last commit. One that is not being read yet cannot be moved: try again."""
        for partition in self._consumer.committed(self._consumer.assignment(), self._limit_s):
            if partition.offset < 0:
                partition.offset = OFFSET_BEGINNING
            self._consumer.seek(partition)
            self._next.pop(partition.partition, None)
            self._given.pop(partition.partition, None)
        self._rewinding = False

    def _after(self, number: int, offset: int) -> int:
        """What to commit when ``offset`` is done: all that was read, if nothing was handed out after it."""
        return self._next[number] if self._given.get(number) == offset else offset + 1

    def _behind(self, partition: TopicPartition) -> int:
        number = partition.partition
        if number not in self._committed:
            (found,) = self._consumer.committed([partition], self._limit_s)
            self._committed[number] = found.offset
        low, high = self._consumer.get_watermark_offsets(partition, cached=True)
        if high < 0:
            low, high = self._consumer.get_watermark_offsets(partition, self._limit_s)
        done = max(self._committed[number], low)
        if self._given.get(number, -1) < done:  # only tombstones were read beyond
            done = max(done, self._next.get(number, 0))
        return max(0, high - done)

    def _at(self, offsets: Mapping[int, int]) -> list[TopicPartition]:
        return [TopicPartition(self._plan.name, number, offset) for number, offset in offsets.items()]

    def _complain(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001
            self._away = error

    def _ask_whether_away(self) -> None:
        self._consumer.list_topics(self._plan.name, timeout=min(1.0, self._limit_s))
        self._away = None
