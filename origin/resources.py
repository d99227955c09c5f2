"""Opens what the origin needs and closes it: registry, model, Redis, log, caches, open pages, background tasks."""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable

import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from origin.eventlog.base import EventLog
from origin.eventlog.choose import open_archive, open_log
from origin.eventlog.redis_streams import RedisLog
from origin.ingest import Ingest
from origin.memory_answers import MemoryAnswers
from origin.merging import Merging
from origin.metrics import Metrics
from origin.pipeline_figures import read_pipeline
from origin.privacy.erasure import Erasures
from origin.privacy.export import Exports
from origin.profiles.redis import RedisProfiles
from origin.push.hub import Hub
from origin.recommend import Recommender
from origin.redis_answers import RedisAnswers, connect
from origin.registry import Registry
from origin.secret import secret_of
from origin.senders import Trust
from origin.serving import ServedModel
from origin.settings import Settings
from origin.stream.deadletter import DeadLetters
from origin.tracing import Tracing, open_tracing
from origin.visitors import Visitors
from shared.errors import Unavailable
from shared.model import Model

_SCRAPE_S = 2.0
_log = logging.getLogger(__name__)


class Resources:
    """The parts of one origin process, wired but not started; :meth:`opened` starts and stops them.

    ``clock`` gives epoch seconds and decides what is fresh. Without Redis there are no profiles, and without Redis
    and Kafka no event log: answers are given all the same.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self.secret = secret_of(settings.secret, settings.home)
        self.metrics = Metrics()
        self.tracing: Tracing = open_tracing(settings.otlp_url, "origin")
        self.registry = Registry(settings.home / "registry")
        self.models = ServedModel(self.registry, self.metrics)
        self.memory = MemoryAnswers(
            most=settings.memory_answers, ttl_s=settings.memory_ttl_s, stale_s=settings.stale_s, clock=clock
        )
        self._client = connect(settings.redis_url, settings.redis_timeout_ms) if settings.redis_url else None
        self.redis: RedisAnswers | None = _redis_answers(self._client, settings, clock) if self._client else None
        self.profiles = (
            RedisProfiles(self._client, timeout_ms=settings.redis_timeout_ms, clock=clock) if self._client else None
        )
        self.visitors = Visitors(self.profiles)
        self.metrics.reads = self.visitors.reads
        self.log: EventLog | None = open_log(settings) if settings.redis_url or settings.kafka_bootstrap else None
        self.recommender = Recommender(self.models, self.memory, self.redis, self.metrics, settings.shared_history_max)
        self.ingest = Ingest(
            self.log,
            Trust(secret=self.secret, api_key=settings.api_key, consent=settings.consent),
            secret=self.secret,
            deadline_ms=settings.log_deadline_ms,
            events_per_minute=settings.events_per_minute,
            model=self._model,
            counts=self.metrics.events,
            tracing=self.tracing,
            clock=clock,
        )
        self.merging = Merging(self.ingest, self.visitors, self.secret, _draw_id, clock)
        self.erasures = Erasures(self.ingest, self._client, draw_id=_draw_id, clock=clock)
        self._slow_client = _slow_client(settings.redis_url) if settings.redis_url else None
        dead = DeadLetters(self._slow_client, settings.dead_letters) if self._slow_client else None
        self.exports = Exports(self.visitors, lambda: open_archive(settings), dead, clock)
        self.hub = Hub(
            self.recommender,
            self.visitors,
            settings.redis_url,
            version=lambda: self.models.now,
            most=settings.live_max,
            min_ms=settings.push_min_ms,
            patience_ms=settings.redis_timeout_ms,
            counts=self.metrics.live,
            tracing=self.tracing,
        )

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Load the model and open the log, then follow the registry and write to Redis until the block ends."""
        await self.models.refresh()
        tasks = [
            asyncio.create_task(self.models.follow(self.settings.poll_s)),
            asyncio.create_task(self.hub.run()),
        ]
        if self.log:
            tasks.append(asyncio.create_task(_open(self.log)))
        if self.redis:
            tasks.append(asyncio.create_task(self.redis.write_forever()))
        try:
            yield
        finally:
            await self.hub.shut()
            for task in tasks:
                task.cancel()
            await self.recommender.close()
            if self.redis:
                await self.redis.close()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self.log:
                await self.log.close()
            if self._slow_client:
                self._slow_client.close()
            await asyncio.to_thread(self.tracing.close)

    async def parts(self) -> dict[str, str]:
        """Every part and how it is: ``ok``, ``none`` if the settings name none, or what is wrong with it."""
        found = {"model": "ok" if self.models.now else "no usable model is published"}
        parts = {"redis": self.redis, "log": self.log, "store": self.profiles}
        reached = await asyncio.gather(*(part.reachable() for part in parts.values() if part))
        answers = iter(reached)
        for name, part in parts.items():
            found[name] = "none" if part is None else "ok" if next(answers) else "does not answer in time"
        return found

    async def render_metrics(self) -> bytes:
        """All metrics in Prometheus' text format."""
        self.metrics.kept = len(self.memory)
        self.metrics.redis_failures = self.redis.failures if self.redis else 0
        pipeline = await read_pipeline(self._client, _SCRAPE_S) if self._client else None
        return self.metrics.render(pipeline)

    def _model(self) -> Model | None:
        return self.models.now.decider.model if self.models.now else None


async def _open(log: EventLog) -> None:
    """Try until it works: the origin answers meanwhile. Then say what may be lost."""
    while True:
        try:
            await log.open()
            break
        except Unavailable as error:
            _log.warning("%s; trying again", error)
            await asyncio.sleep(1)
    for risk in await log.risks() if isinstance(log, RedisLog) else ():
        _log.warning("%s", risk)


def _draw_id() -> str:
    return secrets.token_urlsafe(18)


def _slow_client(url: str) -> redis.Redis:
    """For threads, and what is rare."""
    return redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5, retry=Retry(NoBackoff(), 0))


def _redis_answers(client: redis.asyncio.Redis, settings: Settings, clock: Callable[[], float]) -> RedisAnswers:
    return RedisAnswers(
        client,
        ttl_s=settings.redis_ttl_s,
        stale_s=settings.stale_s,
        timeout_ms=settings.redis_timeout_ms,
        clock=clock,
    )
