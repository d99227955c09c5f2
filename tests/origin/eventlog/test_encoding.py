"""Events in a log's bytes: both formats both ways, rubbish, and what older and newer releases write."""

import io
import json
from typing import Any

import fastavro
import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.eventlog import avro
from origin.eventlog.encoding import decode, encoder
from shared.errors import BadInput
from shared.events import CODES, ERASE, FIELDS, INTERNAL, Context, Event, to_record

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | TEXT
OBJECTS = st.dictionaries(TEXT, SCALARS, max_size=4)
BY_KIND: dict[str, st.SearchStrategy[Any]] = {
    "slot": TEXT, "text": TEXT, "int": st.integers(1, 100_000), "object": OBJECTS,
    "number": st.integers(0, 10**9) | st.floats(0, 1e9),
}  # fmt: skip
DETAILS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {}, optional={name: BY_KIND[field.kind] for name, field in FIELDS.items()}
)
OWN = st.fixed_dictionaries({}, optional={"into": TEXT, "hops": st.integers(0, 4), "profile": st.binary(max_size=99)})
CONTEXTS = st.builds(
    Context, country=TEXT, device=TEXT, edge=TEXT, bot=st.booleans(), consent=TEXT,
    received_ms=st.integers(0, 2**50), trace=TEXT,
)  # fmt: skip
EVENTS = st.builds(
    Event, id=TEXT, visitor=TEXT, type=st.sampled_from([*CODES, *INTERNAL]), time_ms=st.integers(1, 10**14),
    item=st.just("") | TEXT, details=st.builds(lambda a, b: a | b, DETAILS, OWN), context=CONTEXTS,
)  # fmt: skip
VIEW = Event("e1", "v", "view", 1_700_000_000_000, "item", {"slot": "home"}, Context(country="DE"))


@pytest.mark.parametrize("log_format", ["msgpack", "avro"])
@given(event=EVENTS)
def test_what_is_encoded_is_decoded(log_format: str, event: Event) -> None:
    assert decode(encoder(log_format)(event)) == event


def outcome(value: bytes) -> str:
    """What becomes of ``value``; any exception but ours comes through."""
    try:
        decode(value)
    except BadInput as error:
        return error.code
    return "an event"


@given(st.binary(max_size=64))
def test_any_bytes_are_an_event_or_bad_input(data: bytes) -> None:
    for value in (data, avro.MARK + data, avro.header_of(avro.schema()) + data):
        assert outcome(value) in ("an event", "bad_record", "unknown_type")


@given(EVENTS, st.data())
def test_an_avro_record_cut_or_altered_is_an_event_or_bad_input(event: Event, data: st.DataObject) -> None:
    whole = bytearray(avro.encode(event))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    for value in (bytes(whole), bytes(whole[:place])):
        assert outcome(value) in ("an event", "bad_record", "unknown_type")


@pytest.mark.parametrize(
    "members",
    [
        [1, "e", "v", ["view"], 5, "", {}, []],
        [1, "e", "v", {}, 5, "", {}, []],
        [1, "e", "v", "view", "5", "", {}, []],
        [0, "e", "v", "view", 5, "", {}, []],
        [1, "e", "", "view", 5, "", {}, []],
    ],
)
def test_msgpack_of_the_wrong_types_is_a_bad_record(members: list[Any]) -> None:
    with pytest.raises(BadInput, match="bad_record"):
        decode(msgpack.packb(members))


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (VIEW._replace(type="dance"), "unknown_type"),
        (VIEW._replace(visitor=""), "bad_record"),
        (VIEW._replace(time_ms=0), "bad_record"),
    ],
)
def test_avro_of_something_else_is_refused_as_in_msgpack(event: Event, code: str) -> None:
    for value in (avro.encode(event), to_record(event)):
        with pytest.raises(BadInput) as caught:
            decode(value)
        assert caught.value.code == code


def test_an_unknown_fingerprint_is_named() -> None:
    with pytest.raises(BadInput, match="0102030405060708"):
        decode(avro.MARK + bytes(range(1, 9)) + b"rest")


def test_the_fingerprint_is_that_of_avros_specification() -> None:
    # The specification's algorithm, run over the canonical form of "null"; 63dd24e7cc258f8a in its Java tests.
    assert avro.header_of("null") == b"\xc3\x01" + bytes.fromhex("63dd24e7cc258f8a")[::-1]  # type: ignore[arg-type]


def test_other_avro_readers_need_nothing_but_the_schema() -> None:
    row: Any = fastavro.schemaless_reader(io.BytesIO(avro.encode(VIEW)[10:]), fastavro.parse_schema(avro.schema()))
    assert (row["visitor"], row["type"], row["slot"], row["value"]) == ("v", "view", "home", None)


def kept() -> list[dict[str, Any]]:
    """Every schema that was ever in use, in their order."""
    paths = sorted(avro.SCHEMAS.glob("event-*.avsc"), key=lambda path: int(path.stem.partition("-")[2]))
    return [json.loads(path.read_text("utf-8")) for path in paths]


def test_the_newest_schema_kept_is_the_current_one() -> None:
    assert kept()[-1] == avro.schema(), "the schema has changed: keep it as a further file in origin/eventlog/schemas/"
    assert len({avro.header_of(definition) for definition in kept()}) == len(kept())


def read_by(reader: dict[str, Any], writer: dict[str, Any], row: dict[str, Any]) -> Any:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(writer), row)
    out.seek(0)
    return fastavro.schemaless_reader(out, fastavro.parse_schema(writer), fastavro.parse_schema(reader))


def narrower() -> dict[str, Any]:
    """The schema as it was before a field was added, with a member of the context missing as well."""
    definition = avro.schema()
    definition["fields"] = [field for field in definition["fields"] if field["name"] not in ("rating", "more")]
    context = definition["fields"][-1]["type"]
    context["fields"] = [field for field in context["fields"] if field["name"] != "trace"]
    return definition


@pytest.mark.parametrize("older", [*kept(), narrower()])
def test_every_schema_reads_what_every_other_wrote(older: dict[str, Any]) -> None:
    row = {"id": "e1", "visitor": "v", "type": "view", "time_ms": 5, "context": Context(country="DE")._asdict()}
    for reader, writer in ((older, avro.schema()), (avro.schema(), older)):
        read = read_by(reader, writer, row)
        assert (read["id"], read["item"], read["context"]["country"]) == ("e1", "", "DE")


def test_a_record_of_an_older_schema_is_decoded(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "event-1.avsc").write_text(json.dumps(narrower()))
    monkeypatch.setattr(avro, "SCHEMAS", tmp_path)
    avro._writers.cache_clear()
    try:
        out = io.BytesIO()
        row = {"id": "e1", "visitor": "v", "type": ERASE, "time_ms": 5, "context": Context(bot=True)._asdict()}
        fastavro.schemaless_writer(out, fastavro.parse_schema(narrower()), row)
        event = decode(avro.header_of(narrower()) + out.getvalue())
    finally:
        avro._writers.cache_clear()
    assert event == Event("e1", "v", ERASE, 5, "", {}, Context(bot=True))
