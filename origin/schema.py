"""The published JSON Schema of a batch of events: valid by it is what ``shared.events.read_batch`` accepts.

Everything comes from :data:`shared.events.KINDS` and :data:`~shared.events.FIELDS`. What a schema cannot say stays
out of it: clocks, and how many events one visitor may have in a batch.
"""

from typing import Any

from shared.answer import MAX_ID_BYTES
from shared.events import ALIASES, CONSENTS, FIELDS, KINDS, MAX_PROPS, MAX_TRUSTED_EVENTS, Field
from shared.rules import SLOT

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_END = r"(?![\s\S])"
_MAX_EXACT = 2**53 - 1
_LAST_MS = 253_402_300_799_999
# What Python calls printable, as far as a pattern without Unicode's tables can say it: neither control characters,
# nor spaces other than the plain one, nor invisible marks. Unassigned characters pass here and are refused there.
_UNPRINTABLE = (
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001"
    "\U000e0020-\U000e007f\U000f0000-\U0010ffff"
    r"\u0000-\u001f\u007f-\u00a0\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u1680\u180e"
    r"\u2000-\u200f\u2028-\u202f\u205f-\u2064\u2066-\u206f\u3000\ud800-\uf8ff\ufeff\ufff9-\ufffb"
)


def event_schema() -> dict[str, Any]:
    """The schema of one event."""
    properties = {
        "id": _id("different for every event of a visitor: one that comes again is dropped"),
        "type": {"enum": [*KINDS, *ALIASES], "description": _kinds()},
        "item": {"anyOf": [_id("an item's id", without=","), {"type": "null"}]},
        "time": {
            "anyOf": [{"type": "integer", "minimum": 1, "maximum": _LAST_MS}, {"type": "null"}],
            "description": "epoch milliseconds by the sender's clock; now, where it is missing",
        },
        "visitor": {"description": "whom it is about; only a server with the API key is asked"},
        **{name: _field(field) for name, field in FIELDS.items()},
    }
    return {
        "type": "object",
        "required": ["id", "type"],
        "properties": properties,
        "allOf": [_needs(name, kind.needs) for name, kind in KINDS.items()],
    }


def batch_schema() -> dict[str, Any]:
    """The schema of a request's body."""
    return {
        "$schema": DIALECT,
        "title": "A batch of Doorstep events",
        "type": "object",
        "required": ["events"],
        "properties": {
            "events": {"type": "array", "maxItems": MAX_TRUSTED_EVENTS, "items": event_schema()},
            "consent": {"enum": [*CONSENTS, None]},
            "sent": {"description": "the sender's clock when it sent, in epoch milliseconds"},
        },
    }


def _kinds() -> str:
    return "; ".join(f"{name}: {kind.about}" for name, kind in KINDS.items())


def _needs(name: str, needs: tuple[str, ...]) -> dict[str, Any]:
    """If it is of the kind ``name``, by whatever name, these members are there and are not null."""
    names = [name, *(alias for alias, kind in ALIASES.items() if kind == name)]
    needed = {member: {"not": {"type": "null"}} for member in needs}
    return {
        "if": {"required": ["type"], "properties": {"type": {"enum": names}}},
        "then": {"required": list(needs), "properties": needed},
    }


def _id(about: str, without: str = "") -> dict[str, Any]:
    length = {"minLength": 1, "maxLength": MAX_ID_BYTES}
    return {"type": "string", **length, **_lacks(_UNPRINTABLE + without), "description": about}


def _lacks(characters: str) -> dict[str, Any]:
    """None of ``characters``. Not by ``^[^…]*$``: to Python a final line feed comes after the ``$``."""
    return {"not": {"pattern": f"[{characters}]"}}


def _field(field: Field) -> dict[str, Any]:
    return {"anyOf": [_value(field), {"type": "null"}], "description": field.about}


def _value(field: Field) -> dict[str, Any]:
    if field.kind == "object":
        return _object(int(field.high))
    if field.kind == "slot":
        return {"type": "string", "pattern": f"^{SLOT.pattern}{_END}"}
    if field.kind == "text":
        length = {"minLength": int(field.low), "maxLength": int(field.high)}
        return {"type": "string", **length, **_lacks(_UNPRINTABLE)}
    kind = "integer" if field.kind == "int" else "number"
    return {"type": kind, "minimum": field.low, "maximum": field.high}


def _object(longest: int) -> dict[str, Any]:
    return {
        "type": "object",
        "maxProperties": MAX_PROPS,
        "propertyNames": {"minLength": 1, "maxLength": MAX_ID_BYTES, **_lacks(_UNPRINTABLE)},
        "additionalProperties": {
            "anyOf": [
                {"type": "string", "maxLength": longest, **_lacks("\\ud800-\\udfff")},
                {"type": "number", "minimum": -_MAX_EXACT, "maximum": _MAX_EXACT},
                {"type": ["boolean", "null"]},
            ]
        },
    }
