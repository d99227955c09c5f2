"""What Redis tells of the way from the log to the profiles: the processors' own figures, dead letters, memory."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import redis.asyncio as redis

from origin.histogram import Histogram
from origin.stream.deadletter import STREAM as DEAD_LETTERS
from origin.stream.status import PROCESSORS, status_key

_MOST_PROCESSORS = 1000


class ProcessorFigures(NamedTuple):
    """Since that processor started; ``lag`` is as of now."""

    name: str
    lag: Mapping[str, int]
    folded: int
    duplicates: int
    dead_letters: int


class Pipeline(NamedTuple):
    processors: tuple[ProcessorFigures, ...] = ()
    seconds: Histogram = Histogram(())
    """The processors' histograms, added up."""
    memory_bytes: int = 0
    dead_letters: int = 0


async def read_pipeline(client: redis.Redis, timeout_s: float) -> Pipeline | None:
    """The figures, or None if Redis does not tell them in time."""
    try:
        async with asyncio.timeout(timeout_s):
            alive: list[Any] = await client.zrange(PROCESSORS, 0, _MOST_PROCESSORS - 1)
            names = [name.decode() for name in alive]
            pipe = client.pipeline(transaction=False)
            pipe.info("memory")
            pipe.xlen(DEAD_LETTERS)
            for name in names:
                pipe.get(status_key(name))
            memory, dead, *texts = await pipe.execute()
    except (redis.RedisError, OSError, TimeoutError):
        return None
    seconds: Histogram | None = None
    processors = []
    for name, text in zip(names, texts, strict=True):
        if (told := _read(text)) is None:
            continue
        processors.append(_figures(name, told))
        seconds = _added(seconds, told.get("latency"))
    return Pipeline(tuple(processors), seconds or Histogram(()), int(memory["used_memory"]), int(dead))


def _read(text: bytes | None) -> Mapping[str, Any] | None:
    """A processor's status; None if it has expired meanwhile, or is not one."""
    try:
        told = json.loads(text or b"")
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _figures(name: str, told: Mapping[str, Any]) -> ProcessorFigures:
    lag = told.get("lag")
    counts = (int(told.get(what, 0)) for what in ("folded", "duplicates", "dead_letters"))
    return ProcessorFigures(name, lag if isinstance(lag, dict) else {}, *counts)


def _added(total: Histogram | None, told: Any) -> Histogram | None:
    """``total`` and one more processor's histogram; those of another version, with other bounds, are left out."""
    if not isinstance(told, dict):
        return total
    bounds_s = tuple(bound / 1000 for bound in told["bounds_ms"])
    total = total or Histogram(bounds_s)
    if total.bounds_s == bounds_s and len(told["counts"]) == len(total.buckets):
        total.buckets = [a + b for a, b in zip(total.buckets, told["counts"], strict=True)]
        total.sum_s += told["sum_ms"] / 1000
    return total
