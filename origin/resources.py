"""Opens what the origin needs and closes it: registry, model, Redis, caches, background tasks."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

from origin.memory_answers import MemoryAnswers
from origin.metrics import Metrics
from origin.recommend import Recommender
from origin.redis_answers import RedisAnswers, connect
from origin.registry import Registry
from origin.serving import ServedModel
from origin.settings import Settings


class Resources:
    """The parts of one origin process, wired but not started; :meth:`opened` starts and stops them.

    ``clock`` gives epoch seconds and decides what is fresh.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.registry = Registry(settings.home / "registry")
        self.models = ServedModel(self.registry, self.metrics)
        self.memory = MemoryAnswers(
            most=settings.memory_answers, ttl_s=settings.memory_ttl_s, stale_s=settings.stale_s, clock=clock
        )
        self.redis = _redis_answers(settings, clock) if settings.redis_url else None
        self.recommender = Recommender(self.models, self.memory, self.redis, self.metrics, settings.shared_history_max)

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Load the model, then follow the registry and write to Redis until the block ends."""
        await self.models.refresh()
        tasks = [asyncio.create_task(self.models.follow(self.settings.poll_s))]
        if self.redis:
            tasks.append(asyncio.create_task(self.redis.write_forever()))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await self.recommender.close()
            if self.redis:
                await self.redis.close()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def missing(self) -> dict[str, str]:
        """The parts that are out of reach, each with what is wrong; empty when ready."""
        missing = {}
        if self.models.now is None:
            missing["model"] = "no usable model is published"
        if self.redis and not await self.redis.reachable():
            missing["redis"] = "does not answer a ping in time"
        return missing

    def render_metrics(self) -> bytes:
        """All metrics in Prometheus' text format."""
        self.metrics.kept = len(self.memory)
        self.metrics.redis_failures = self.redis.failures if self.redis else 0
        return self.metrics.render()


def _redis_answers(settings: Settings, clock: Callable[[], float]) -> RedisAnswers:
    return RedisAnswers(
        connect(settings.redis_url, settings.redis_timeout_ms),
        ttl_s=settings.redis_ttl_s,
        stale_s=settings.stale_s,
        timeout_ms=settings.redis_timeout_ms,
        clock=clock,
    )
