"""Which event log the settings ask for: Kafka if they name brokers, else Redis Streams."""

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from origin.eventlog.base import Archive, Consumer, EventLog
from origin.eventlog.encoding import encoder
from origin.eventlog.kafka import TopicPlan
from origin.settings import Settings
from shared.errors import BadInput

LEASE_MS = 6000
"""How long a consumer that crashed keeps its partitions of Redis Streams; Kafka's session is as long."""


def open_log(settings: Settings) -> EventLog:
    """The web process's end. Nothing is connected before its ``open``."""
    encode = encoder(settings.log_format)
    if settings.kafka_bootstrap:
        from origin.eventlog.kafka import KafkaLog

        return KafkaLog(_plan(settings), encode=encode)
    from origin.eventlog.redis_streams import RedisLog

    return RedisLog(
        _redis_url(settings), partitions=settings.log_partitions, encode=encode, deadline_ms=settings.log_deadline_ms
    )


def open_consumer(settings: Settings, name: str) -> Consumer:
    """The processor's end; ``name`` differs from every other living processor's."""
    encode = encoder(settings.log_format)
    if settings.kafka_bootstrap:
        from origin.eventlog.kafka_consumer import KafkaConsumer

        return KafkaConsumer(_plan(settings), name=name, encode=encode)
    from origin.eventlog.redis_consumer import RedisConsumer

    client = _redis(settings, waits_ms=LEASE_MS)
    return RedisConsumer(client, name=name, partitions=settings.log_partitions, encode=encode, lease_ms=LEASE_MS)


def open_archive(settings: Settings) -> Archive:
    """For export and erasure."""
    if settings.kafka_bootstrap:
        from origin.eventlog.kafka_archive import KafkaArchive

        return KafkaArchive(_plan(settings))
    from origin.eventlog.redis_archive import RedisArchive

    return RedisArchive(_redis(settings, waits_ms=0))


def _plan(settings: Settings) -> TopicPlan:
    return TopicPlan(
        settings.kafka_bootstrap, settings.kafka_topic, settings.log_partitions, settings.kafka_replication,
        settings.log_days, settings.log_deadline_ms,
    )  # fmt: skip


def _redis(settings: Settings, *, waits_ms: int) -> redis.Redis:
    """A client whose commands may wait in Redis for ``waits_ms``, and that tries once more on a broken connection."""
    return redis.Redis.from_url(
        _redis_url(settings), socket_timeout=(settings.log_deadline_ms + waits_ms) / 1000,
        socket_connect_timeout=settings.log_deadline_ms / 1000, retry=Retry(NoBackoff(), 1),
    )  # fmt: skip


def _redis_url(settings: Settings) -> str:
    if not settings.redis_url:
        raise BadInput("no_event_log", "no event log: DOORSTEP_REDIS_URL or DOORSTEP_KAFKA_BOOTSTRAP names one")
    return settings.redis_url
