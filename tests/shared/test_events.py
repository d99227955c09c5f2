"""Events: what is taken and why not; the log's record both ways; golden vectors."""

import base64
import json
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadInput
from shared.events import (
    CODES,
    FUTURE_MS,
    INTERNAL,
    MAX_AGE_MS,
    MAX_BODY_CHARS,
    MAX_EVENTS,
    MAX_PROPS,
    MAX_TRUSTED_EVENTS,
    Batch,
    Context,
    Event,
    check,
    from_record,
    read_batch,
    read_body,
    render_outcome,
    to_json,
    to_record,
)
from shared.profile import EMPTY, describe, fold, from_blob, to_blob
from tests.shared.test_profile import EVENTS
from tests.vectors import VECTORS

NOW_MS = 1_732_100_000_000
VIEW: dict[str, Any] = {"id": "1", "type": "view", "item": "a", "time": NOW_MS}
GOLDEN = json.loads((VECTORS / "profile.json").read_text(encoding="utf-8"))


def read(*events: Any, trusted: bool = False, **data: Any) -> Batch:
    context = Context(country="DE")
    return read_batch({"events": list(events), **data}, visitor="v", context=context, now_ms=NOW_MS, trusted=trusted)


def code_of(raw: Any, *, trusted: bool = False) -> str:
    batch = read(raw, trusted=trusted)
    assert not batch.events
    (rejected,) = batch.rejected
    assert rejected.detail
    return rejected.code


def test_an_event_is_read_whole() -> None:
    raw = {**VIEW, "slot": "home", "position": 3, "value": 2.5, "props": {"a": 1, "b": None}, "unknown": [1]}
    details = {"slot": "home", "position": 3, "value": 2.5, "props": {"a": 1, "b": None}}
    assert read(raw).events == (Event("1", "v", "view", NOW_MS, "a", details, Context(country="DE")),)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"type": "stare"}, "unknown_type"),
        ({"type": None}, "unknown_type"),
        ({"type": ["view"]}, "unknown_type"),
        *(({"type": kind}, "unknown_type") for kind in INTERNAL),
        ({"id": ""}, "bad_id"),
        ({"id": 7}, "bad_id"),
        ({"id": "x" * 65}, "bad_id"),
        ({"id": "a\nb"}, "bad_id"),
        ({"item": "a,b"}, "bad_item"),
        ({"item": "x" * 65}, "bad_item"),
        ({"item": "\ud800"}, "bad_item"),
        ({"item": None}, "bad_item"),
        ({"time": -1}, "bad_time"),
        ({"time": "now"}, "bad_time"),
        ({"time": True}, "bad_time"),
        ({"time": 1.5}, "bad_time"),
        ({"time": float("inf")}, "bad_time"),
        ({"time": 10**15}, "bad_time"),
        ({"slot": "ho me"}, "bad_slot"),
        ({"category": "x" * 65}, "bad_category"),
        ({"category": 7}, "bad_category"),
        ({"value": -1}, "bad_value"),
        ({"value": float("nan")}, "bad_value"),
        ({"value": 1e10}, "bad_value"),
        ({"value": True}, "bad_value"),
        ({"quantity": 0}, "bad_quantity"),
        ({"quantity": 1.5}, "bad_quantity"),
        ({"position": 1001}, "bad_position"),
        ({"type": "search"}, "bad_query"),
        ({"type": "rating"}, "bad_rating"),
        ({"type": "rating", "rating": 11}, "bad_rating"),
        ({"type": "dwell"}, "bad_seconds"),
        ({"type": "custom"}, "bad_name"),
        ({"type": "profile"}, "bad_attributes"),
        ({"type": "profile", "attributes": []}, "bad_attributes"),
        ({"props": {"a": {}}}, "bad_props"),
        ({"props": {"a": float("inf")}}, "bad_props"),
        ({"props": {"a": "\udfff"}}, "bad_props"),
        ({"props": {"": 1}}, "bad_props"),
        ({"props": {str(n): n for n in range(MAX_PROPS + 1)}}, "bad_props"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], code: str) -> None:
    assert code_of({**VIEW, **change}) == code


def test_something_else_than_an_event() -> None:
    assert code_of("view") == "bad_event"


def test_one_bad_event_costs_the_others_nothing() -> None:
    batch = read(VIEW, {**VIEW, "id": ""}, {**VIEW, "id": "2"}, VIEW)
    assert [event.id for event in batch.events] == ["1", "2"]
    assert [(r.index, r.code) for r in batch.rejected] == [(1, "bad_id")]
    assert batch.duplicates == 1
    outcome = json.loads(render_outcome(2, 1, batch.rejected, withheld=0))
    assert outcome["accepted"] == 2
    assert outcome["rejected"][0]["index"] == 1


def test_who_may_speak_for_whom() -> None:
    other = {**VIEW, "visitor": "w"}
    assert read(other, visitor="x").events[0].visitor == "v", "a browser speaks for itself"
    assert read(other, visitor="x", trusted=True).events[0].visitor == "w"
    assert read(VIEW, visitor="x", trusted=True).events[0].visitor == "x"
    assert code_of({**VIEW, "visitor": "a b"}, trusted=True) == "bad_visitor"
    assert code_of({**VIEW, "visitor": "a,b"}, trusted=True) == "bad_visitor"


@pytest.mark.parametrize(
    ("time_ms", "sent", "corrected"),
    [
        (NOW_MS - 5000, None, NOW_MS - 5000),
        (NOW_MS - 5000, NOW_MS - 1000, NOW_MS - 4000),
        (NOW_MS + 3_600_000, NOW_MS + 3_600_500, NOW_MS - 500),
        (NOW_MS + 3_600_000, None, NOW_MS),
        (5, None, NOW_MS - MAX_AGE_MS),
        (NOW_MS - 5000, "soon", NOW_MS - 5000),
        (float(NOW_MS - 5000), float(NOW_MS - 1000), NOW_MS - 4000),
    ],
)
def test_a_browsers_clock_is_corrected(time_ms: Any, sent: Any, corrected: int) -> None:
    (event,) = read({**VIEW, "time": time_ms}, sent=sent).events
    assert event.time_ms == corrected
    assert from_record(to_record(event)) == event, "and it is a whole number, as the log wants it"


def test_a_servers_clock_is_believed() -> None:
    assert read({**VIEW, "time": 5}, trusted=True).events[0].time_ms == 5
    assert read({**VIEW, "time": NOW_MS + FUTURE_MS}, trusted=True).events[0].time_ms == NOW_MS
    assert code_of({**VIEW, "time": NOW_MS + FUTURE_MS + 1}, trusted=True) == "bad_time"


def test_a_visitor_has_fewer_events_in_a_batch_than_its_profile_remembers() -> None:
    many = [{**VIEW, "id": str(n), "visitor": "w" if n % 2 else "x"} for n in range(2 * MAX_EVENTS + 2)]
    batch = read(*many, trusted=True)
    assert len(batch.events) == 2 * MAX_EVENTS
    assert {r.code for r in batch.rejected} == {"too_many_of_visitor"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "bad_json"),
        ("[" * 100_000, "bad_json"),
        ("[]", "bad_batch"),
        ("{}", "bad_batch"),
        ('{"events":{}}', "bad_batch"),
        ('{"events":[],"consent":"maybe"}', "bad_consent"),
        ('{"events":[],"consent":[]}', "bad_consent"),
        (json.dumps({"events": [0] * (MAX_EVENTS + 1)}), "too_many_events"),
        (" " * (MAX_BODY_CHARS + 1), "body_too_large"),
    ],
)
def test_bodies_that_are_refused(body: str, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_body(body)
    assert refused.value.code == code


def test_a_server_may_send_more() -> None:
    assert read_body(json.dumps({"events": [0] * MAX_TRUSTED_EVENTS}), trusted=True)["events"]


def test_what_is_passed_on_is_read_the_same() -> None:
    (event,) = read({**VIEW, "slot": "home"}, trusted=True).events
    assert read_batch({"events": [to_json(event)]}, visitor="", context=event.context, now_ms=NOW_MS, trusted=True) == (
        (event,),
        0,
        (),
    )


@given(EVENTS)
def test_a_record_gives_the_event_back_and_ignores_what_a_later_release_appends(event: Event) -> None:
    record = to_record(event)
    assert from_record(record) == event
    later = msgpack.unpackb(record)
    later[0] += 1
    later[-1].append("new context")
    assert from_record(msgpack.packb([*later, "new member"])) == event
    check(event)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=9) | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@given(st.data())
def test_any_bytes_and_any_members_are_an_event_or_our_error(data: st.DataObject) -> None:
    members = msgpack.unpackb(to_record(data.draw(EVENTS)))
    for place in data.draw(st.sets(st.integers(0, 7))):
        members[place] = data.draw(JUNK)
    for junk in (msgpack.packb(members), data.draw(st.binary(max_size=200))):
        try:
            event = from_record(junk)
        except BadInput as error:
            if error.code not in ("bad_record", "unknown_type"):
                raise
        else:
            assert event.type in CODES or event.type in INTERNAL
            assert from_record(to_record(event)) == event or "nan" in repr(event)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"item": "x" * 65}, "bad_item"),
        ({"item": "a,b"}, "bad_item"),
        ({"item": ""}, "bad_item"),
        ({"details": {"category": 7}}, "bad_category"),
        ({"details": {"value": 1e300}}, "bad_value"),
        ({"details": {"attributes": {"a": [1]}}}, "bad_attributes"),
        ({"type": "dwell", "details": {}}, "bad_seconds"),
    ],
)
def test_foreign_records_are_checked_before_they_are_folded(change: dict[str, Any], code: str) -> None:
    event = Event("1", "v", "view", NOW_MS, "a")
    check(event)
    with pytest.raises(BadInput) as refused:
        check(event._replace(**change))
    assert refused.value.code == code


@pytest.mark.parametrize("vector", GOLDEN["events"], ids=lambda vector: vector["name"])
def test_golden_records(vector: dict[str, Any]) -> None:
    members = vector["event"]
    event = Event(**{**members, "context": Context(**members["context"])})
    assert base64.b64encode(to_record(event)).decode() == vector["base64"]
    assert from_record(base64.b64decode(vector["base64"])) == event


@pytest.mark.parametrize("vector", GOLDEN["bad_events"], ids=lambda vector: vector["name"])
def test_golden_malformed_records(vector: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as refused:
        from_record(base64.b64decode(vector["base64"]))
    assert refused.value.code == vector["code"]


@pytest.mark.parametrize("vector", GOLDEN["profiles"], ids=lambda vector: vector["name"])
def test_golden_profiles(vector: dict[str, Any]) -> None:
    profile = EMPTY
    for name in vector["events"]:
        record = next(v["base64"] for v in GOLDEN["events"] if v["name"] == name)
        profile = fold(profile, from_record(base64.b64decode(record)))
    blob = base64.b64decode(vector["base64"])
    assert to_blob(profile) == blob
    assert from_blob(blob) == profile
    assert describe(profile, profile.last_s) == vector["profile"]


@pytest.mark.parametrize("vector", GOLDEN["bad_profiles"], ids=lambda vector: vector["name"])
def test_golden_malformed_profiles(vector: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as refused:
        from_blob(base64.b64decode(vector["base64"]))
    assert refused.value.code == "bad_profile"
