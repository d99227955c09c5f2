"""The stream processor: ``python -m origin.processor``. Folds the event log into profiles until SIGTERM or SIGINT.

Ends with 0 when it was asked to, 2 if the settings are wrong, 3 after a flood of dead letters. Run as many as the log
has partitions, at most; each takes its share.
"""

import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from origin.eventlog.base import Archive, Consumer
from origin.eventlog.choose import open_archive, open_consumer
from origin.profiles.redis_writer import RedisProfileWriter
from origin.settings import Settings
from origin.stream.deadletter import DeadLetters
from origin.stream.erase import Eraser
from origin.stream.runner import Flood, Runner
from origin.stream.spans import FoldSpans
from origin.stream.status import PROCESSORS, Status, status_key
from origin.tracing import open_tracing
from shared.errors import BadInput, Unavailable

FLOODED = 3
_STATUS_S = 1
_STATUS_LIVES_S = 15
_TRIM_S = 60
_log = logging.getLogger("origin.processor")


def main(environ: Mapping[str, str]) -> int:
    """Run one processor; returns the exit code."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)  # a batch makes many objects, and none that refers back to itself
    try:
        settings = Settings.from_environ(environ)
        if not settings.redis_url:
            raise BadInput("no_redis", "the processor needs DOORSTEP_REDIS_URL; `doorstep up` runs one with its own")
        process(settings, stop, name=f"{socket.gethostname()}-{os.getpid()}")
    except BadInput as error:
        _log.critical("%s", error.detail)
        return 2
    except Flood as flood:
        _log.critical("STOPPED: %s. Nothing behind them was touched. If they are to be passed over, start with a "
                      "larger DOORSTEP_DEAD_LETTER_FLOOD", flood)  # fmt: skip
        return FLOODED
    return 0


def process(settings: Settings, stop: threading.Event, *, name: str) -> None:
    """Run one processor until ``stop`` is set; ``name`` differs from every other's. Raises :class:`Flood`."""
    with ExitStack() as closing:
        spans = None
        if settings.otlp_url:
            tracing = open_tracing(settings.otlp_url, "processor")
            closing.callback(tracing.close)  # the last thing: others wait for our partitions, nobody for spans
            spans = FoldSpans(tracing)
        client = _client(settings.redis_url)
        closing.callback(client.close)
        consumer = open_consumer(settings, name)
        closing.callback(consumer.close)
        archive = open_archive(settings)
        closing.callback(archive.close)
        writer = RedisProfileWriter(
            settings.redis_url, profile_days=settings.profile_days, session_profile_h=settings.session_profile_h
        )
        closing.callback(writer.close)
        dead = DeadLetters(client, settings.dead_letters)
        status = Status(name, os.getpid(), _now_ms())
        keeper = Housekeeping(client, consumer, archive, status, settings.log_days)
        runner = Runner(
            consumer, writer, dead, Eraser(client, archive, dead), status, batch=settings.fold_batch,
            flood=settings.dead_letter_flood, stop=stop, clock_ms=_now_ms, tend=keeper.tend, spans=spans,
        )  # fmt: skip
        _log.info("processor %s runs", name)
        runner.run()
        _log.info("processor %s stopped; %d events folded", name, status.folded)


class Housekeeping:
    """Publishes the status every second and trims the log every minute; what is away is tried again next time."""

    def __init__(
        self,
        client: redis.Redis,
        consumer: Consumer,
        archive: Archive,
        status: Status,
        log_days: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._consumer = consumer
        self._archive = archive
        self._status = status
        self._log_ms = int(log_days * 24 * 3600_000)
        self._clock = clock
        self._lag: Mapping[int, int] = {}
        self._tell_at = clock()
        self._trim_at = clock() + _TRIM_S

    def tend(self) -> None:
        """Do what is due."""
        now_s = self._clock()
        try:
            if now_s >= self._tell_at:
                self._tell_at = now_s + _STATUS_S
                self._tell()
            if now_s >= self._trim_at:
                self._trim_at = now_s + _TRIM_S
                self._archive.trim(_now_ms() - self._log_ms)
        except Unavailable as error:
            self._status.failed(error.code, _now_ms())
        except (redis.RedisError, OSError):
            self._status.failed("status_unavailable", _now_ms())

    def _tell(self) -> None:
        with suppress(Unavailable):
            self._lag = self._consumer.lag()
        now_ms, name = _now_ms(), self._status.name
        pipe = self._client.pipeline(transaction=False)
        pipe.set(status_key(name), self._status.as_json(self._lag, now_ms), ex=_STATUS_LIVES_S)
        pipe.zadd(PROCESSORS, {name: now_ms + _STATUS_LIVES_S * 1000})
        pipe.zremrangebyscore(PROCESSORS, "-inf", now_ms)
        pipe.expire(PROCESSORS, _STATUS_LIVES_S)
        pipe.execute()


def _client(url: str) -> redis.Redis:
    """For what is rare: it waits a little, and tries nothing twice."""
    return redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5, retry=Retry(NoBackoff(), 0))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    sys.exit(main(os.environ))
