"""Real processors and real Redis servers, killed in the middle: every event counts once, whatever happened."""

import asyncio
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import redis

from origin.embedded_redis import find_server
from origin.eventlog.choose import open_archive, open_consumer, open_log
from origin.processor import process
from origin.profiles.keys import profile_key, unseal
from origin.profiles.redis_writer import RedisProfileWriter
from origin.settings import Settings
from origin.stream.deadletter import DeadLetters
from origin.stream.erase import AUDIT, Eraser, receipt_key
from origin.stream.runner import Runner
from origin.stream.status import Status
from shared.events import ERASE, Event
from shared.profile import Profile
from tests.processes import Process

VISITORS = 60
PATIENCE_S = 25


class Redis:
    """A redis-server with an append-only file, which may be killed and started again."""

    def __init__(self, folder: Path, *, fsync: str = "always", most_file_blocks: int = 0) -> None:
        self.folder = folder
        folder.mkdir()
        # Redis' own word for a full disk is a failing write: a limit on the size of files makes one, without a disk.
        limit = f"trap '' XFSZ; ulimit -f {most_file_blocks}; " if most_file_blocks else ""
        serve = [
            find_server(os.environ), "--port", "0", "--unixsocket", str(folder / "s"), "--save", "", "--dir",
            str(folder), "--appendonly", "yes", "--appendfsync", fsync, "--auto-aof-rewrite-percentage", "0",
        ]  # fmt: skip
        self._limited = ["sh", "-c", limit + 'exec "$0" "$@"', *serve]
        self._free = serve
        self.url = f"unix://{folder / 's'}"
        self.client = redis.Redis.from_url(self.url, socket_timeout=5)
        self.process: Process | None = None
        self.start()

    def start(self, *, limited: bool = True) -> None:
        self.process = Process(self._limited if limited else self._free, log=self.folder / "log")
        until(self.answers, "Redis starts")

    def answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False

    def kill(self) -> None:
        if self.process:
            self.process.kill()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@contextmanager
def server(folder: Path, **options: object) -> Iterator[Redis]:
    found = Redis(folder, **options)  # type: ignore[arg-type]
    try:
        yield found
    finally:
        found.client.close()
        found.kill()


def settings(url: str, **more: str) -> Settings:
    return Settings.from_environ({"DOORSTEP_REDIS_URL": url, "DOORSTEP_LOG_PARTITIONS": "4", **more})


class Sender:
    """Appends events to a log, and knows what the profiles have to say in the end."""

    def __init__(self, where: Settings) -> None:
        self.where = where
        self.expected: Counter[str] = Counter()
        self.sent = 0

    def send(self, count: int) -> None:
        events = []
        for _ in range(count):
            self.sent += 1
            visitor = f"visitor {self.sent % VISITORS}"
            events.append(
                Event(f"e{self.sent}", visitor, "view", 1_732_100_000_000 + self.sent * 1000, f"i{self.sent}")
            )
            self.expected[visitor] += 1
        self.append(events)

    def append(self, events: list[Event]) -> None:
        async def append() -> None:
            log = open_log(self.where)
            await log.open()
            try:
                for at in range(0, len(events), 500):
                    await log.append(events[at : at + 500])
            finally:
                await log.close()

        asyncio.run(append())

    def poison(self, client: redis.Redis, count: int) -> None:
        """Values that are no events, in the stream of a partition that has some."""
        key = next(key for key in client.scan_iter("doorstep:log:[0-9]*") if client.type(key) == b"stream")
        _, fields = client.xrevrange(key, count=1)[0]
        pipe = client.pipeline()
        for _ in range(count):
            pipe.xadd(key, {name: b"\xc1" if len(value) > 40 else value for name, value in fields.items()})
        pipe.execute()

    def folded(self, client: redis.Redis) -> bool:
        return counts(client, list(self.expected)) == self.expected


def profile(client: redis.Redis, visitor: str) -> Profile | None:
    value = client.get(profile_key(visitor))
    return unseal(value).profile if isinstance(value, bytes) else None


def counts(client: redis.Redis, visitors: list[str]) -> Counter[str]:
    found = {visitor: profile(client, visitor) for visitor in visitors}
    return Counter({visitor: held.events for visitor, held in found.items() if held})


def until(true: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    end = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < end, f"not within {patience_s} s: {what}"
        time.sleep(0.02)


def processor(stack: ExitStack, log: Path, url: str, **more: str) -> Process:
    env = {"DOORSTEP_REDIS_URL": url, "DOORSTEP_LOG_PARTITIONS": "4", "DOORSTEP_FOLD_BATCH": "50", **more}
    started = Process([sys.executable, "-m", "origin.processor"], env=env, log=log)
    stack.callback(started.kill)
    return started


def statuses(client: redis.Redis) -> list[dict[str, object]]:
    return [json.loads(client.get(key) or b"{}") for key in client.scan_iter("doorstep:processor:*")]


def test_processors_killed_again_and_again(tmp_path: Path, stack: ExitStack) -> None:
    store = stack.enter_context(server(tmp_path / "redis"))
    sender = Sender(settings(store.url))
    sender.send(3000)
    running = [processor(stack, tmp_path / f"p{n}.log", store.url) for n in range(2)]
    for n in range(3):
        before = sum(counts(store.client, list(sender.expected)).values())
        until(lambda before=before: sum(counts(store.client, list(sender.expected)).values()) > before, "it folds")
        running[n % 2].kill()
        running[n % 2] = processor(stack, tmp_path / f"p{n + 2}.log", store.url)
        sender.send(700)
    until(lambda: sender.folded(store.client), "all is folded, once")
    until(lambda: lag(sender.where) == 0, "all is committed")
    told = [status for status in statuses(store.client) if status["pid"] in {p.pid for p in running}]
    assert all(status["dead_letters"] == 0 for status in told)
    assert [p.stop() for p in running] == [0, 0], "on SIGTERM they end in order"
    assert sender.folded(store.client)


def lag(where: Settings) -> int:
    """Records that are not committed."""
    with redis.Redis.from_url(where.redis_url) as client:
        waiting = [sum(s["lag"].values()) for s in statuses(client) if time.time() * 1000 - s["time_ms"] < 2000]  # type: ignore[attr-defined,operator]
    return sum(waiting) if waiting else -1


def test_a_hung_processor_is_taken_over_from_and_does_no_harm_later(tmp_path: Path, stack: ExitStack) -> None:
    store = stack.enter_context(server(tmp_path / "redis"))
    sender = Sender(settings(store.url))
    sender.send(2000)
    hung = processor(stack, tmp_path / "hung.log", store.url)
    until(lambda: len(counts(store.client, list(sender.expected))) > 0, "it folds")
    hung.signal(signal.SIGSTOP)
    other = processor(stack, tmp_path / "other.log", store.url)
    sender.send(1000)
    until(lambda: sender.folded(store.client), "the other one has all partitions")
    hung.signal(signal.SIGCONT)
    sender.send(1000)
    until(lambda: sender.folded(store.client), "both go on")
    assert [hung.stop(), other.stop()] == [0, 0]
    assert sender.folded(store.client)


def test_a_store_restored_from_before_what_was_not_safe(tmp_path: Path, stack: ExitStack) -> None:
    log = stack.enter_context(server(tmp_path / "log"))
    store = stack.enter_context(server(tmp_path / "store", fsync="everysec"))
    sender = Sender(settings(log.url))
    stop = threading.Event()
    runner = threading.Thread(target=fold, args=(settings(log.url), store.url, stop))
    runner.start()
    stack.callback(runner.join)
    stack.callback(stop.set)
    sender.send(2000)
    until(lambda: sender.folded(store.client), "folded")
    until(lambda: committed(log.client) == ends(log.client), "committed, once it was safe")
    shutil.copytree(store.folder / "appendonlydir", tmp_path / "older")
    behind = committed(log.client)
    sender.send(500)
    until(lambda: sender.folded(store.client), "folded, and not safe yet")
    assert committed(log.client) == behind, "what is not safe is not committed"
    store.kill()
    shutil.rmtree(store.folder / "appendonlydir")
    shutil.copytree(tmp_path / "older", store.folder / "appendonlydir")
    store.start()
    assert not sender.folded(store.client), "the store has forgotten"
    sender.send(500)
    until(lambda: sender.folded(store.client), "folded again, and once")
    until(lambda: committed(log.client) == ends(log.client), "committed")
    assert sender.folded(store.client)


def committed(client: redis.Redis) -> list[bytes]:
    """Up to where each partition is committed."""
    return sorted(client.hgetall("doorstep:log:committed").values())


def ends(client: redis.Redis) -> list[bytes]:
    """The last record of each partition."""
    keys = [key for key in client.scan_iter("doorstep:log:[0-9]*") if client.type(key) == b"stream"]
    return sorted(client.xinfo_stream(key)["last-generated-id"] for key in keys)


def fold(where: Settings, store_url: str, stop: threading.Event) -> None:
    """A processor whose log and store are different servers."""
    consumer = open_consumer(where, "apart")
    writer = RedisProfileWriter(store_url, profile_days=1, session_profile_h=1)
    with redis.Redis.from_url(store_url) as client:
        dead = DeadLetters(client, 100)
        eraser = Eraser(client, open_archive(where), dead)
        Runner(
            consumer, writer, dead, eraser, Status("apart", 1, 0), batch=50, flood=10, stop=stop,
            clock_ms=lambda: time.time_ns() // 1_000_000,
        ).run()  # fmt: skip
    consumer.close()
    writer.close()


def test_a_flood_of_poison_stops_it_and_a_restart_drains_nothing(tmp_path: Path, stack: ExitStack) -> None:
    store = stack.enter_context(server(tmp_path / "redis"))
    sender = Sender(settings(store.url))
    sender.send(100)
    sender.poison(store.client, 80)
    sender.send(100)
    for n in range(2):
        stopped = processor(stack, tmp_path / f"p{n}.log", store.url, DOORSTEP_DEAD_LETTER_FLOOD="30")
        until(lambda stopped=stopped: not stopped.running, "it stops")
        assert stopped.stop() == 3
        assert "STOPPED: 30 dead letters" in stopped.output()
        assert store.client.xlen("doorstep:dead") == 30
    patient = processor(stack, tmp_path / "patient.log", store.url, DOORSTEP_DEAD_LETTER_FLOOD="500")
    until(lambda: sender.folded(store.client), "what was behind the poison is not lost")
    until(lambda: store.client.xlen("doorstep:dead") == 80, "the poison is laid aside")
    assert patient.stop() == 0
    assert "visitor" not in patient.output(), "no personal data in logs"


def test_a_full_disk_loses_nothing(tmp_path: Path, stack: ExitStack) -> None:
    log = stack.enter_context(server(tmp_path / "log"))
    store = stack.enter_context(server(tmp_path / "store", fsync="everysec", most_file_blocks=64))
    sender = Sender(settings(log.url))
    sender.send(2500)
    stop = threading.Event()
    runner = threading.Thread(target=fold, args=(settings(log.url), store.url, stop))
    runner.start()
    stack.callback(runner.join)
    stack.callback(stop.set)
    until(lambda: store.client.info("persistence")["aof_last_write_status"] == "err", "the disk is full")
    assert not sender.folded(store.client)
    store.kill()
    store.start(limited=False)
    until(lambda: sender.folded(store.client), "with a larger disk it goes on")


def test_an_erasure_from_end_to_end(tmp_path: Path, stack: ExitStack) -> None:
    store = stack.enter_context(server(tmp_path / "redis"))
    where = settings(store.url)
    sender = Sender(where)
    sender.send(2 * VISITORS)
    stop = threading.Event()
    runner = threading.Thread(target=process, args=(where, stop), kwargs={"name": "one"})
    runner.start()
    stack.callback(runner.join)
    stack.callback(stop.set)
    until(lambda: sender.folded(store.client), "folded")
    sender.append([Event("r1", "visitor 7", ERASE, 1_732_200_000_000)])
    until(lambda: store.client.exists(receipt_key("r1")) == 1, "the receipt")
    archive = open_archive(where)
    until(lambda: not list(archive.of("visitor 7")), "the log has nothing of the visitor")
    assert profile(store.client, "visitor 7") == Profile()
    ((_, entry),) = store.client.xrange(AUDIT)
    assert {k: v for k, v in entry.items() if k != b"time_ms"} == {
        b"what": b"erase",
        b"events": b"3",
        b"dead_letters": b"0",
    }
    del sender.expected["visitor 7"]
    assert sender.folded(store.client)
    assert list(archive.of("visitor 8")), "others are untouched"
    archive.close()
