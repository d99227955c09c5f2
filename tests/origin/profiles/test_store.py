"""One suite over every profile store: in memory, in the embedded Redis, in a Redis over TCP."""

import asyncio
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import redis

from origin.eventlog.base import Position
from origin.profiles.base import ProfileWriter, Stored, Write
from origin.profiles.keys import live_channel, profile_key, unseal
from origin.profiles.memory import MemoryProfiles
from origin.profiles.redis import RedisProfiles
from origin.profiles.redis_writer import RedisProfileWriter
from origin.redis_answers import connect
from shared.errors import Unavailable
from shared.profile import EMPTY, Profile

HIGH = 2**64 - 1
LOW = 2**32 - 1


class Store:
    """A writer, what readers read, and what was published."""

    def __init__(self, writer: ProfileWriter, get: Callable[[str], Stored | None], told: Callable[[], list[bytes]]):
        self.writer = writer
        self.get = get
        self.told = told

    def write(self, visitor: str, profile: Profile, position: Position, *, push: bool = False) -> bool:
        return self.writer.write([Write(visitor, profile, position, push)])[0]


@pytest.fixture(params=["memory", "embedded", "real"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    if request.param == "memory":
        told: list[bytes] = []
        memory = MemoryProfiles(lambda _, value: told.append(value))
        yield Store(memory, lambda visitor: asyncio.run(memory.get(visitor)), lambda: told)
        return
    with redis_store(request.getfixturevalue(f"{request.param}_redis")) as found:
        yield found


@contextmanager
def redis_store(url: str) -> Iterator[Store]:
    writer = RedisProfileWriter(url, profile_days=90, session_profile_h=2)

    def get(visitor: str) -> Stored | None:
        async def ask() -> Stored | None:
            client = connect(url, 2000)
            try:
                return await RedisProfiles(client, timeout_ms=2000, clock=time.monotonic).get(visitor)
            finally:
                await client.aclose()

        return asyncio.run(ask())

    with redis.Redis.from_url(url) as client, client.pubsub() as pubsub:
        for key in client.scan_iter("doorstep:*"):
            client.delete(key)
        pubsub.psubscribe("doorstep:live:*")
        assert pubsub.get_message(timeout=5)

        def told() -> list[bytes]:
            """Pub/sub is in order: after this mark nothing of what was written before can come."""
            client.publish("doorstep:live:", "end")
            values: list[bytes] = []
            while message := pubsub.get_message(timeout=5):
                if message["data"] == b"end":
                    break
                values.append(message["data"])
            return values

        yield Store(writer, get, told)
    writer.close()


def test_what_is_written_is_read_by_both_ends(store: Store) -> None:
    profile = Profile(last_s=9, first_s=3, items=("čaj", "b"), kinds=b"\0\1", times=(9, 3), counts=(1, 1))
    assert store.get("anna") is None
    assert store.write("anna", profile, Position(7, 1, 2))
    assert store.get("anna") == Stored(profile, Position(7, 1, 2))
    assert store.writer.get_many(["nobody", "anna"]) == [None, Stored(profile, Position(7, 1, 2))]
    assert store.writer.get_many([]) == []


@pytest.mark.parametrize(
    ("held", "offered", "taken"),
    [
        (Position(1, 5), Position(1, 6), True),
        (Position(1, 5), Position(1, 5), False),
        (Position(1, 5), Position(1, 4), False),
        (Position(1, 5, 1), Position(1, 5, 2), True),
        (Position(1, 5, 2), Position(1, 5, 1), False),
        (Position(1, 5, LOW), Position(1, 6, 0), True),
        (Position(1, 255), Position(1, 256), True),
        (Position(1, 2**32 - 1), Position(1, 2**32), True),
        (Position(1, 2**32), Position(1, 2**32 - 1), False),
        (Position(1, 2**53), Position(1, 2**53 + 1), True),
        (Position(1, 2**53 + 1), Position(1, 2**53), False),
        (Position(1, HIGH, LOW), Position(1, HIGH, LOW), False),
        (Position(1, HIGH, LOW), Position(2, 0, 0), True),
        (Position(LOW, 0), Position(1, 0), True),
    ],
)
def test_only_a_newer_position_takes_effect(store: Store, held: Position, offered: Position, taken: bool) -> None:
    old, new = Profile(last_s=1, first_s=1), Profile(last_s=2, first_s=1)
    assert store.write("anna", old, held)
    assert store.write("anna", new, offered) is taken
    assert store.get("anna") == (Stored(new, offered) if taken else Stored(old, held))


def test_random_orders_end_with_the_newest(store: Store) -> None:
    rng = random.Random(7)
    positions = [Position(3, rng.randrange(4), rng.randrange(4)) for _ in range(200)]
    for n, position in enumerate(positions):
        store.write("anna", Profile(last_s=n + 1, first_s=1), position)
    newest = max(positions)
    assert store.get("anna") == Stored(Profile(last_s=positions.index(newest) + 1, first_s=1), newest)


def test_many_at_once_each_on_its_own(store: Store) -> None:
    names = [f"visitor {n}" for n in range(1203)]
    store.write(names[700], EMPTY, Position(1, 9))
    writes = [Write(name, Profile(last_s=n, first_s=n), Position(1, 5), push=False) for n, name in enumerate(names)]
    done = store.writer.write(writes)
    assert [n for n, taken in enumerate(done) if not taken] == [700]
    read = store.writer.get_many(names)
    assert [stored.profile.last_s for stored in read if stored] == [n if n != 700 else 0 for n in range(1203)]


def test_tells_open_pages_only_what_took_effect_and_is_to_be_told(store: Store) -> None:
    first, second = Profile(last_s=1, first_s=1), Profile(last_s=2, first_s=1)
    store.write("anna", first, Position(1, 5), push=True)
    store.write("anna", first, Position(1, 5), push=True)
    store.write("anna", second, Position(1, 6), push=False)
    store.write("bert", second, Position(1, 6), push=True)
    assert [unseal(value) for value in store.told()] == [
        Stored(first, Position(1, 5)),
        Stored(second, Position(1, 6)),
    ]


def test_counts_calls_that_are_safe(store: Store) -> None:
    assert store.writer.safe() == 0
    store.write("anna", EMPTY, Position(1, 1))
    store.writer.write([])
    assert store.writer.safe() == 2, "durable at once, or not at all"


@pytest.fixture
def client(embedded_redis: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(embedded_redis) as client:
        yield client


def test_every_profile_expires_those_of_a_session_soon(embedded_redis: str, client: redis.Redis) -> None:
    with redis_store(embedded_redis) as store:
        store.write("anna", EMPTY, Position(1, 1))
        store.write("~anna", EMPTY, Position(1, 1))
        store.writer.write([])
        assert 90 * 86400 - 60 < client.ttl(profile_key("anna")) <= 90 * 86400
        assert 2 * 3600 - 60 < client.ttl(profile_key("~anna")) <= 2 * 3600
        assert all(client.ttl(key) > 0 for key in client.scan_iter("doorstep:*")), "every key has an end"
        client.expire(profile_key("anna"), 5)
        store.write("anna", EMPTY, Position(1, 2))
        assert client.ttl(profile_key("anna")) > 5, "it outlives the last event, not the first"


def test_publishes_on_the_visitors_own_channel(embedded_redis: str, client: redis.Redis) -> None:
    with redis_store(embedded_redis) as store, client.pubsub() as pubsub:
        pubsub.subscribe(live_channel("anna"))
        assert pubsub.get_message(timeout=5)
        store.write("bert", EMPTY, Position(1, 1), push=True)
        store.write("anna", EMPTY, Position(1, 1), push=True)
        message = pubsub.get_message(timeout=5)
        assert message
        assert unseal(message["data"]) == Stored(EMPTY, Position(1, 1))


@pytest.mark.parametrize("junk", [b"", b"x", b"0123456789abcdef", b"0123456789abcdef\xc1\xc1"])
def test_a_broken_value_counts_as_none_and_is_replaced(embedded_redis: str, client: redis.Redis, junk: bytes) -> None:
    with redis_store(embedded_redis) as store:
        client.set(profile_key("anna"), junk)
        assert store.get("anna") is None
        assert store.writer.get_many(["anna"]) == [None]
        assert store.write("anna", EMPTY, Position(1, 1))
        assert store.get("anna") == Stored(EMPTY, Position(1, 1))


def test_memory_that_is_away_says_so() -> None:
    memory = MemoryProfiles()
    memory.away = True
    for call in (lambda: memory.get_many(["a"]), lambda: memory.write([]), memory.safe):
        with pytest.raises(Unavailable):
            call()
    assert asyncio.run(memory.reachable()) is False


def test_a_redis_that_is_not_there_says_so(tmp_path: os.PathLike[str]) -> None:
    url = f"unix://{tmp_path}/nothing"
    writer = RedisProfileWriter(url, profile_days=1, session_profile_h=1)
    for call in (lambda: writer.get_many(["a"]), lambda: writer.write([]), writer.safe):
        with pytest.raises(Unavailable):
            call()
    with redis_free_reader(url) as reader:
        for _ in range(5):
            with pytest.raises(Unavailable):
                asyncio.run(reader.get("a"))
        assert reader.failures == 3, "after three it is left alone"
        assert asyncio.run(reader.reachable()) is False


@contextmanager
def redis_free_reader(url: str) -> Iterator[RedisProfiles]:
    yield RedisProfiles(connect(url, 100), timeout_ms=100, clock=lambda: 0.0)
