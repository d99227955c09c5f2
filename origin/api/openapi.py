"""The parts of the OpenAPI description that are written by hand, because the hot routes parse by hand."""

from typing import Any

from shared.answer import DEFAULT_N, MAX_N
from shared.errors import PROBLEM_TYPE
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
    _parameter("seen", "Whether to show what is in the history.", {"type": "string", "enum": ["drop", "allow"]}),
]


Responses = dict[int | str, dict[str, Any]]
"""Documented responses by status, as FastAPI takes them."""


def problems(*statuses: int) -> Responses:
    """The documented problem responses with ``statuses``."""
    content = {PROBLEM_TYPE: {"schema": _PROBLEM}}
    return {str(status): {"description": "A problem document.", "content": content} for status in statuses}
