"""The parts of the OpenAPI description that are written by hand, because the hot routes parse by hand."""

from typing import Any

from shared.answer import DEFAULT_N, MAX_N
from shared.errors import PROBLEM_TYPE
from shared.events import CONSENTS, MAX_EVENTS, MAX_TRUSTED_EVENTS
from shared.rules import SLOT

_PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "retry"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "stable; meant for programs"},
        "detail": {"type": "string", "description": "a sentence for people"},
        "retry": {"type": "boolean", "description": "whether the same request may succeed later"},
    },
}
_ITEM = {
    "type": "object",
    "required": ["id", "score", "because"],
    "properties": {
        "id": {"type": "string"},
        "score": {"type": "number"},
        "because": {"type": ["string", "null"], "description": "the history item that brought it"},
    },
    "additionalProperties": True,
}
_ANSWER = {
    "type": "object",
    "required": ["items", "slot", "model", "variant"],
    "properties": {
        "items": {"type": "array", "maxItems": MAX_N, "items": _ITEM},
        "slot": {"type": "string"},
        "model": {"type": "string"},
        "variant": {"type": ["string", "null"]},
    },
}
OK_ITEMS = {
    "description": "The items to show, best first.",
    "content": {"application/json": {"schema": _ANSWER}},
    "headers": {
        "Doorstep-Layer": {"schema": {"enum": ["origin-memory", "redis", "origin", "popular"]}},
        "Doorstep-Model": {"schema": {"type": "string"}},
        "Server-Timing": {"schema": {"type": "string"}},
    },
}


def _parameter(name: str, about: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": about, "schema": schema}


_ID = "[!-+.-~-]{1,64}"
"""Ids may hold any printable characters but the comma; a pattern for all of Unicode's would fill pages."""
DESCRIPTION = """The items to show one visitor in one slot, best first.

Besides the parameters below there is `filter`: conditions on the model's fields, joined by `;`, such as
`category=candles|lanterns;price<=5`. Which fields there are depends on the model, so no schema can tell."""
QUESTION = [
    _parameter("slot", "A place on a page.", {"type": "string", "pattern": f"^{SLOT.pattern}$", "default": "home"}),
    _parameter("n", "How many.", {"type": "integer", "minimum": 1, "maximum": MAX_N, "default": DEFAULT_N}),
    _parameter(
        "items",
        "The history: at most 100 item ids, newest first. Without it, the visitor's cookie is used.",
        {"type": "string", "pattern": f"^({_ID}(,{_ID}){{0,99}})?$", "examples": ["85123A,22423"]},
    ),
    _parameter(
        "exclude",
        "At most 200 ids not to show.",
        {"type": "string", "pattern": f"^({_ID}(,{_ID}){{0,199}})?$", "examples": ["22423"]},
    ),
    _parameter("seen", "What becomes of items seen before.", {"type": "string", "enum": ["drop", "demote", "allow"]}),
]

SCHEMA_FORMAT = [
    _parameter("format", "Of the schema.", {"type": "string", "enum": ["json", "avro"], "default": "json"})
]
LIVE_QUESTION = [
    _parameter(
        "slot",
        "One to eight slots, joined by commas; one list is kept up to date for each.",
        {"type": "string", "pattern": f"^{SLOT.pattern}(,{SLOT.pattern}){{0,7}}$", "default": "home"},
    ),
    *QUESTION[1:],
    _parameter("last_event_id", "The id of the last event seen, where the header cannot be set.", {"type": "string"}),
]
LIVE_DESCRIPTION = """Server-sent events, or with an `Upgrade` a WebSocket. An event `items` carries what
`/v1/recommend` would answer, whenever that has changed. Its `id` stands for the lists seen so far: sent back as
`Last-Event-ID` it spares those that are still the same. Without a visitor's signed cookie only
new models and rules are told."""
OK_LIVE: dict[str, Any] = {"description": "Events until one side leaves.", "content": {"text/event-stream": {}}}

EVENTS_DESCRIPTION = """Takes what visitors did. 202 means that the log has every accepted event. 503 means that it is
not known to: send the same batch again, events that come twice are counted once. `text/plain` will do, too.
`/v1/schema` has all the kinds."""
# Looser than /v1/schema: an event that is wrong is rejected on its own, so the request as a whole is still right.
_EVENTS = f"at most {MAX_EVENTS}, from a server {MAX_TRUSTED_EVENTS}; each as `/v1/schema` says"
_BATCH = {
    "type": "object",
    "required": ["events"],
    "properties": {
        "events": {"type": "array", "description": _EVENTS},
        "consent": {"enum": [*CONSENTS, None]},
        "sent": {"description": "the sender's clock when it sent, in epoch milliseconds"},
    },
}
EVENTS_BODY: dict[str, Any] = {
    "required": True,
    "content": {"application/json": {"schema": _BATCH}},
}
_COUNT = {"type": "integer", "minimum": 0}
_REJECTED = {
    "type": "object",
    "required": ["index", "code", "detail"],
    "properties": {"index": _COUNT, "code": {"type": "string"}, "detail": {"type": "string"}},
}
OK_EVENTS: dict[str, Any] = {
    "description": "What became of the batch.",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["accepted", "duplicates", "rejected"],
                "properties": {
                    "accepted": _COUNT,
                    "duplicates": _COUNT,
                    "rejected": {"type": "array", "items": _REJECTED},
                    "withheld": {**_COUNT, "description": "events not looked at, for want of consent"},
                },
            }
        }
    },
}


MERGE_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["from", "into"],
                "properties": {
                    "from": {"type": "string", "description": "a visitor's id, or the value of its signed cookie"},
                    "into": {"type": "string", "description": "the id of the visitor who remains"},
                },
            }
        }
    },
}


Responses = dict[int | str, dict[str, Any]]
"""Documented responses by status, as FastAPI takes them."""


def problems(*statuses: int) -> Responses:
    """The documented problem responses with ``statuses``."""
    content = {PROBLEM_TYPE: {"schema": _PROBLEM}}
    return {str(status): {"description": "A problem document.", "content": content} for status in statuses}
