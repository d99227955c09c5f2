"""Dead letters in a real Redis: bounded, replayed once they can be read, forgotten with their visitor."""

import json
from collections.abc import Iterator

import pytest
import redis

from origin.cli import main
from origin.eventlog.base import Position, Record
from origin.stream.deadletter import DeadLetters, Replayed
from shared.errors import BadInput, Unavailable
from shared.events import Event, from_record, to_record

GOOD = to_record(Event("1", "anna", "view", 1_732_100_000_000, "a", {"hops": 5}))


@pytest.fixture
def client(embedded_redis: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(embedded_redis) as client:
        client.flushall()
        yield client


@pytest.fixture
def dead(client: redis.Redis) -> DeadLetters:
    return DeadLetters(client, 10)


def record(value: bytes = b"\xc1", visitor: str = "anna", at: int = 1) -> Record:
    return Record(Position(7, at, 2), visitor, value, 1234)


def test_a_letter_is_kept_as_it_was(dead: DeadLetters) -> None:
    dead.add(record(), "bad_record: not an event")
    dead.add(record(b"", "čeněk", 2), "later")
    later, first = dead.newest()
    assert first.record == record()
    assert first.reason == "bad_record: not an event"
    assert later.record == record(b"", "čeněk", 2)
    assert dead.get(first.id) == first
    assert [letter.id for letter in dead.all()] == [first.id, later.id]
    assert dead.count() == 2
    assert dead.since(0, 1) == [int(first.id.split("-")[0])]
    assert dead.since(int(later.id.split("-")[0]) + 1, 9) == []


@pytest.mark.parametrize("letter_id", ["0-1", "nonsense", ""])
def test_a_letter_that_is_not_there(dead: DeadLetters, letter_id: str) -> None:
    with pytest.raises(BadInput) as refused:
        dead.get(letter_id)
    assert refused.value.code == "no_such_letter"


def test_the_newest_are_kept_exactly(dead: DeadLetters) -> None:
    dead.add_all([(record(at=n), "x") for n in range(250)])
    assert [letter.record.position.high for letter in dead.newest()] == list(range(249, 239, -1))


def test_what_can_be_read_by_now_goes_back(dead: DeadLetters) -> None:
    dead.add(record(GOOD), "unknown_type: of tomorrow")
    dead.add(record(), "no idea")
    appended: list[Event] = []
    assert dead.replay(list(dead.all()), appended.extend) == Replayed(1, 1)
    assert appended == [from_record(GOOD)._replace(details={})], "it may be forwarded anew"
    (left,) = dead.newest()
    assert left.reason.startswith("bad_record: "), "it stays, with the reason it has now"
    assert dead.replay([left], appended.extend) == Replayed(0, 1)
    assert dead.newest() == [left]


def test_nothing_is_dropped_when_the_log_is_away(dead: DeadLetters) -> None:
    def away(events: object) -> None:
        raise Unavailable("log_unavailable", "away")

    dead.add(record(GOOD), "x")
    with pytest.raises(Unavailable):
        dead.replay(dead.newest(), away)
    assert dead.count() == 1


def test_a_visitors_letters_are_forgotten(dead: DeadLetters) -> None:
    for letter in (record(), record(visitor="bert"), record(GOOD, ""), record(b"x", "")):
        dead.add(letter, "x")
    assert dead.forget("anna") == 2
    assert [letter.record.visitor for letter in dead.all()] == ["bert", ""]


def test_a_redis_that_is_away_is_said_to_be() -> None:
    with redis.Redis.from_url("unix:///nowhere/redis.sock") as client, pytest.raises(Unavailable):
        DeadLetters(client, 10).count()


def test_the_command(
    dead: DeadLetters, embedded_redis: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOORSTEP_REDIS_URL", embedded_redis)
    dead.add(record(GOOD), "unknown_type: of tomorrow")
    dead.add(record(), "bad_record: torn")
    torn, good = dead.newest()

    def told(*arguments: str) -> str:
        assert main(["deadletter", *arguments]) == 0
        return capsys.readouterr().out

    listed = told("list")
    assert "bad_record: torn" in listed
    assert "2 dead letters" in listed
    assert json.loads(told("list", "-n", "1", "--json"))["letters"][0]["id"] == torn.id
    assert "anna" in told("show", good.id)
    assert json.loads(told("show", torn.id, "--json"))["value_base64"] == "wQ=="
    assert json.loads(told("replay", "--all", "--json")) == {"appended": 1, "kept": 1}
    (left,) = dead.newest()
    for refused in (["drop", "--all"], ["drop", "--yes"], ["drop", left.id, "--all", "--yes"], ["show", "0-9"]):
        assert main(["deadletter", *refused]) == 2
    assert dead.count() == 1
    assert "1 dropped" in told("drop", left.id, "--yes")
    assert dead.count() == 0
