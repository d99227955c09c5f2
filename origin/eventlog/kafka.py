"""The event log in Kafka: how it lies there, and the web process's end of it.

One topic. A record's key is the visitor and the event's id, so that compaction removes nothing but what is forgotten
(docs/decisions/0005); its partition follows from the visitor alone.
"""

import asyncio
import logging
import threading
import time
from binascii import crc32
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Producer, TopicCollection
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from origin.eventlog.base import partition_of, source_of
from shared.errors import Unavailable
from shared.events import Event

SEPARATOR = b"\x1f"
"""Between visitor and event id in a key; neither may hold it."""
_DAY_MS = 86_400_000
_CLEAN_MS = 6 * 3600_000
_BURIED_MS = 3600_000
"""Longer than anybody takes to read a partition from one end to the other."""
_LINGER_MS = 0.5
"""Enough for the events of one request to travel together."""
_NO_TOPIC = (
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - librdkafka's own errors are called so
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
)
Encode = Callable[[Event], bytes]
log = logging.getLogger(__name__)
"""Also what librdkafka has to say goes here."""


class TopicPlan(NamedTuple):
    """Which topic on which brokers; and how it is made if it is not there. ``deadline_ms`` bounds every request."""

    bootstrap: str
    name: str
    partitions: int
    replication: int
    days: float
    deadline_ms: int

    @property
    def client(self) -> dict[str, Any]:
        """What every client of ours is told."""
        return {
            "bootstrap.servers": self.bootstrap, "logger": log, "log.connection.close": False,
            "reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 1000, "socket.keepalive.enable": True,
            "socket.nagle.disable": True,
        }  # fmt: skip


class Topic(NamedTuple):
    """A topic that is there. ``log`` tells it from one of the same name that was there before."""

    log: int
    partitions: int

    def source(self, partition: int) -> int:
        return source_of(self.log, partition)


def open_topic(plan: TopicPlan) -> Topic:
    """The topic, made if it is missing. Waits; raises :class:`Unavailable`."""
    limit_s = plan.deadline_ms / 1000
    end = time.monotonic() + 2 * limit_s
    with answering():
        admin = AdminClient(plan.client)
        made = False
        while True:
            found = admin.describe_topics(TopicCollection([plan.name]), request_timeout=limit_s)[plan.name]
            try:
                topic = found.result(limit_s)
                return Topic(crc32(str(topic.topic_id).encode()) & 0xFFFF, len(topic.partitions))
            except KafkaException as error:
                if error.args[0].code() not in _NO_TOPIC or time.monotonic() > end:
                    raise
            if made:  # the brokers take a moment to tell one another
                time.sleep(0.05)
            else:
                _make(admin, plan, limit_s)
                made = True


def key_of(event: Event) -> bytes:
    """The key of the event's record."""
    return event.visitor.encode() + SEPARATOR + event.id.encode()


def producer_config(plan: TopicPlan) -> dict[str, Any]:
    """A producer that acknowledges what all in-sync replicas have, and never puts a visitor's events out of order."""
    return plan.client | {
        "enable.idempotence": True, "acks": "all", "linger.ms": _LINGER_MS, "compression.type": "lz4",
        "message.timeout.ms": plan.deadline_ms, "request.timeout.ms": plan.deadline_ms,
    }  # fmt: skip


class Delivery:
    """Waits for the acknowledgement of ``count`` records; then calls ``done`` with the first error, or None."""

    def __init__(self, count: int, done: Callable[[KafkaError | None], object]) -> None:
        self._left = count
        self._done = done
        self._error: KafkaError | None = None

    def __call__(self, error: KafkaError | None, _message: object) -> None:
        self._error = self._error or error
        self._left -= 1
        if not self._left:
            self._done(self._error)


def produce(
    producer: Producer, name: str, topic: Topic, events: Sequence[Event], encode: Encode, done: Delivery
) -> None:
    """Hand ``events`` to the producer. Raises :class:`Unavailable` if it has too many already."""
    send = producer.produce
    try:
        for event in events:
            partition = partition_of(event.visitor, topic.partitions)
            send(name, encode(event), key_of(event), partition, done)
    except BufferError:
        raise Unavailable("log_unavailable", "too many events wait for Kafka") from None


@contextmanager
def answering() -> Iterator[None]:
    """Turns what the client raises into :class:`Unavailable`."""
    try:
        yield
    except (KafkaException, TimeoutError) as error:
        reason = error.args[0].str() if isinstance(error, KafkaException) else "no answer in time"
        raise Unavailable("log_unavailable", f"Kafka does not answer: {reason[:200]}") from error


class KafkaLog:
    """An :class:`~origin.eventlog.base.EventLog`. A thread takes the acknowledgements from librdkafka."""

    def __init__(self, plan: TopicPlan, *, encode: Encode) -> None:
        self._plan = plan
        self._encode = encode
        self._topic: Topic | None = None
        self._producer: Producer | None = None
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    async def open(self) -> None:
        await self._open()

    async def append(self, events: Sequence[Event]) -> None:
        if not events:
            return
        topic = self._topic or await self._open()
        loop = asyncio.get_running_loop()
        acknowledged: asyncio.Future[KafkaError | None] = loop.create_future()

        def resolve(error: KafkaError | None) -> None:
            if not acknowledged.done():  # else nobody waits any more
                acknowledged.set_result(error)

        def done(error: KafkaError | None) -> None:
            with suppress(RuntimeError):  # the loop is closed: neither does anybody then
                loop.call_soon_threadsafe(resolve, error)

        with answering():
            delivery = Delivery(len(events), done)
            produce(self._ready(), self._plan.name, topic, events, self._encode, delivery)
            async with asyncio.timeout(self._plan.deadline_ms / 1000):
                error = await acknowledged
            if error:
                self._failed(error)

    async def reachable(self) -> bool:
        try:
            with answering():
                wait_s = self._plan.deadline_ms / 1000
                return bool((await asyncio.to_thread(self._ready().list_topics, self._plan.name, wait_s)).brokers)
        except Unavailable:
            return False

    async def close(self) -> None:
        self._closing.set()
        if self._thread:
            await asyncio.to_thread(self._thread.join)

    async def _open(self) -> Topic:
        self._topic = topic = await asyncio.to_thread(open_topic, self._plan)
        self._ready()
        return topic

    def _ready(self) -> Producer:
        if self._producer is None:
            self._producer = Producer(producer_config(self._plan))
        if self._thread is None:
            self._thread = threading.Thread(target=self._take_acknowledgements, name="kafka-acks", daemon=True)
            self._thread.start()
        return self._producer

    def _take_acknowledgements(self) -> None:
        while not self._closing.is_set():
            if producer := self._producer:
                producer.poll(0.1)
            else:
                self._closing.wait(0.1)

    def _failed(self, error: KafkaError) -> None:
        if error.fatal():  # an idempotent producer that cannot tell any more what arrived is of no more use
            self._producer = None
        if error.code() in _NO_TOPIC:
            self._topic = None
        raise KafkaException(error)


def _make(admin: AdminClient, plan: TopicPlan, limit_s: float) -> None:
    retention_ms = int(plan.days * _DAY_MS)
    config = {
        "cleanup.policy": "compact,delete",
        "retention.ms": str(retention_ms),
        # What is forgotten is off the disk within a day: the newest segment is not cleaned before it is closed, and
        # the tombstones, which name the visitor, go one cleaning and an hour after what they bury.
        "segment.ms": str(min(_CLEAN_MS, retention_ms)),
        "max.compaction.lag.ms": str(_CLEAN_MS),
        "delete.retention.ms": str(_BURIED_MS),
        "min.insync.replicas": str(plan.replication // 2 + 1),
        "message.timestamp.type": "LogAppendTime",
    }
    topic = NewTopic(plan.name, num_partitions=plan.partitions, replication_factor=plan.replication, config=config)
    try:
        admin.create_topics([topic], operation_timeout=limit_s, request_timeout=limit_s)[plan.name].result(limit_s)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
