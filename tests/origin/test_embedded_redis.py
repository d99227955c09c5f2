"""The embedded Redis keeps what it has acknowledged, whichever way it ends."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from origin.embedded_redis import EmbeddedRedis


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path, os.environ)
    server.start()
    yield server
    server.stop()


def killed(server: EmbeddedRedis) -> None:
    assert server.child.pid
    os.kill(server.child.pid, signal.SIGKILL)
    server.child.stop()


def test_it_survives_kill_9_on_the_same_folder_and_socket(server: EmbeddedRedis) -> None:
    for n in range(3):
        with redis.Redis.from_url(server.url) as client:
            client.rpush("list", n)
        killed(server)
        assert Path(server.url.removeprefix("unix://")).exists(), "the socket of the killed one is in the way"
        server.start()
    with redis.Redis.from_url(server.url) as client:
        assert client.lrange("list", 0, -1) == [b"0", b"1", b"2"]


def test_it_survives_an_orderly_stop(server: EmbeddedRedis) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.set("kept", 1)
    server.stop()
    server.start()
    with redis.Redis.from_url(server.url) as client:
        assert client.get("kept") == b"1"


def test_what_a_crash_tore_off_does_not_hinder_a_start(server: EmbeddedRedis, tmp_path: Path) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.mset({"whole": 1})
        client.set("torn", 2)
    killed(server)
    newest = max((path for path in tmp_path.rglob("appendonly*") if path.is_file()), key=lambda p: p.stat().st_mtime)
    newest.write_bytes(newest.read_bytes()[:-3])
    server.start()
    with redis.Redis.from_url(server.url) as client:
        assert client.mget("whole", "torn") == [b"1", None]


def test_it_is_durable_and_refuses_rather_than_drops(server: EmbeddedRedis) -> None:
    with redis.Redis.from_url(server.url) as client:
        kept = {name: client.config_get(name)[name] for name in ("appendonly", "appendfsync", "maxmemory-policy")}
        assert kept == {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
        client.set("first", "kept")
        client.config_set("maxmemory", 1_000_000)
        with pytest.raises(redis.OutOfMemoryError):
            client.set("second", b"x" * 1_000_000)
        assert client.get("first") == b"kept"


def test_a_caller_may_ask_for_less(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path, os.environ, fsync="everysec")
    server.start()
    try:
        with redis.Redis.from_url(server.url) as client:
            assert client.config_get("appendfsync") == {"appendfsync": "everysec"}
    finally:
        server.stop()
