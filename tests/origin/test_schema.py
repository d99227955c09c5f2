"""The published schema and the code agree: what is valid by the one is accepted by the other."""

import json
import unicodedata
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from origin.schema import batch_schema, event_schema
from shared.events import ALIASES, FIELDS, KINDS, Context, from_record, read_batch, read_body, to_record

NOW_MS = 1_790_000_000_000
EVENT = Draft202012Validator(event_schema())
BATCH = Draft202012Validator(batch_schema())
GOOD = {
    "slot": "home", "list": "l", "position": 3, "model": "m-1", "variant": "b", "category": "bags", "value": 9.5,
    "quantity": 2, "query": "red bag", "rating": 4.5, "seconds": 12, "name": "opened", "props": {"a": 1, "b": None},
    "attributes": {"size": "L", "vip": True},
}  # fmt: skip


def assigned(text: str) -> bool:
    """A schema cannot know which characters Unicode will assign some day."""
    return all(unicodedata.category(c) != "Cn" for c in text)


TEXT = st.text(max_size=70).filter(assigned) | st.sampled_from(["", "x" * 64, "x" * 65, "x" * 201, "a,b", "a b", "\n"])
NUMBERS = (
    st.integers(-2, 1100)
    | st.sampled_from([0.5, 1.0, 1e9, 1e9 + 1, 86_400, 86_401, 100_000, 100_001, 2**53, -(2**53), 2**53 - 1, 1e300])
    | st.floats(allow_nan=False, allow_infinity=False)
)
SCALARS = TEXT | NUMBERS | st.booleans() | st.none()
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(TEXT, SCALARS, max_size=18)


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """Events of which most are nearly right."""
    kind = draw(st.sampled_from([*KINDS, *ALIASES]) | TEXT)
    needs = KINDS[ALIASES.get(kind, kind)].needs if ALIASES.get(kind, kind) in KINDS else ()
    event: dict[str, Any] = {"id": "1", "type": kind, "item": "a", "time": NOW_MS - 1000}
    event |= {name: GOOD[name] for name in needs if name in GOOD}
    for name in draw(st.lists(st.sampled_from(["id", "type", "item", "time", "more", *FIELDS]), max_size=3)):
        good = st.just(GOOD[name]) if name in GOOD else st.just("b")
        changed = draw(good | VALUES | st.just(...))
        if changed is ...:
            event.pop(name, None)
        else:
            event[name] = changed
    return event


@given(events())
@example({"id": "1", "type": "view", "item": None})
@example({"id": "1\n", "type": "view", "item": "a"})
@example({"id": "1", "type": "view", "item": "a", "slot": "home\n"})
@example({"id": "1", "type": "view", "item": "a", "list": "l\n"})
@example({"id": "1", "type": "add-to-cart"})
@example({"id": "1", "type": "custom", "name": "n", "props": {"a": "\ud800"}})
@example({"id": "1", "type": "view", "item": "a", "position": 1.0})
@example({"id": "1", "type": "view", "item": "a", "time": 253_402_300_800_000})
def test_valid_is_what_is_accepted(event: dict[str, Any]) -> None:
    event = json.loads(json.dumps(event))
    batch = read_batch({"events": [event]}, visitor="v", context=Context(), now_ms=NOW_MS)
    assert EVENT.is_valid(event) == bool(batch.events), batch.rejected
    assert len(batch.events) + len(batch.rejected) == 1
    for accepted in batch.events:
        assert from_record(to_record(accepted)) == accepted


@given(st.fixed_dictionaries({}, optional={"events": st.lists(events(), max_size=2) | VALUES, "consent": VALUES}))
def test_a_batch_that_cannot_be_read_is_invalid(data: dict[str, Any]) -> None:
    try:
        read_body(json.dumps(data))
        readable = True
    except Exception:
        readable = False
    if isinstance(data.get("events"), list) and not all(EVENT.is_valid(e) for e in data["events"]):
        return  # readable all the same: its events are looked at one by one
    assert BATCH.is_valid(json.loads(json.dumps(data))) == readable


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(batch_schema())


def test_a_sender_whose_clock_has_decimals_is_understood() -> None:
    data = {"events": [{"id": "1", "type": "view", "item": "a", "time": NOW_MS - 500}], "sent": float(NOW_MS)}
    (event,) = read_batch(data, visitor="v", context=Context(), now_ms=NOW_MS).events
    assert from_record(to_record(event)) == event
