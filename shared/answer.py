"""Question and answer: parsed, checked and rendered by the same code at the edge and at the origin."""

import json
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from shared.errors import BadInput
from shared.filters import Condition, parse_filter, render_filter
from shared.rules import SLOT, TREATMENTS

MAX_N = 100
DEFAULT_N = 12
MAX_ITEMS = 100
"""Ids a question may name in ``items``; the newest 20 count."""
MAX_EXCLUDE = 200
MAX_ID_BYTES = 64
MAX_QUERY_BYTES = 16 * 1024

_KNOWN = frozenset(("slot", "n", "items", "exclude", "filter", "seen"))


class Question(NamedTuple):
    """What is asked. ``items`` is the history, newest first; None means the caller named none."""

    slot: str = "home"
    n: int = DEFAULT_N
    items: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    filter: tuple[Condition, ...] = ()
    seen: str | None = None
    """Overrides the slot's rule for items seen: drop, demote or allow."""


class Answer(NamedTuple):
    slot: str
    model: str
    variant: str | None
    items: str
    """JSON objects joined by commas, as :meth:`shared.kernels.Kernel.show` wrote them."""


def parse_question(query: str) -> Question:
    """The question in a URL's query string. Other parameters are ignored; of a repeated one the last value counts.

    Raises :class:`BadInput`, whose code names the parameter: ``bad_n``, ``bad_slot``, ``bad_items`` and so on.
    """
    if len(query) > MAX_QUERY_BYTES:
        raise BadInput(
            "question_too_long", f"a query string has at most {MAX_QUERY_BYTES} bytes, not {len(query)}", 414
        )
    found: dict[str, str] = {}
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if name in _KNOWN:
            found[name] = _decode(name, value)
    if not found:
        return _PLAIN
    slot = found.get("slot", "home")
    if not SLOT.fullmatch(slot):
        raise BadInput("bad_slot", f"slot is 1 to 32 of a-z, 0-9, _ and -, not {slot[:60]!r}")
    seen = found.get("seen")
    if seen is not None and seen not in TREATMENTS:
        raise BadInput("bad_seen", f"seen is {', '.join(TREATMENTS)}, not {seen[:60]!r}")
    return Question(
        slot,
        _number(found["n"]) if "n" in found else DEFAULT_N,
        parse_ids("items", found["items"], MAX_ITEMS) if "items" in found else None,
        parse_ids("exclude", found["exclude"], MAX_EXCLUDE) if "exclude" in found else (),
        parse_filter(found["filter"]) if "filter" in found else (),
        seen,
    )


def parse_ids(name: str, text: str, most: int) -> tuple[str, ...]:
    """The ids in a comma-separated list; empty places are skipped. Raises :class:`BadInput`."""
    ids = tuple(filter(None, text.split(",")))
    if len(ids) > most:
        raise BadInput(f"bad_{name}", f"{name} holds at most {most} ids, not {len(ids)}")
    if len(text) > MAX_ID_BYTES and any(len(i) > MAX_ID_BYTES for i in ids):
        raise BadInput(f"bad_{name}", f"{name}: an id has at most {MAX_ID_BYTES} characters")
    return ids


def key(question: Question, history: Sequence[str], model: str, rules: str, variant: str | None) -> str:
    """Everything the answer depends on, as one string; equal keys have equal answers. ``\\x1f`` occurs in no part."""
    return "\x1f".join(
        (
            question.slot,
            str(question.n),
            ",".join(history),
            ",".join(sorted(question.exclude)),
            render_filter(question.filter),
            question.seen or "",
            model,
            rules,
            variant or "",
        )
    )


def render(answer: Answer) -> str:
    """The answer as JSON text; equal answers render to equal bytes on every platform."""
    slot, model, variant, items = answer
    named = "null" if variant is None else json.dumps(variant, ensure_ascii=False)
    return f'{{"items":[{items}],"slot":"{slot}","model":"{model}","variant":{named}}}'


_PLAIN = Question()


def _decode(name: str, value: str) -> str:
    if "%" in value or "+" in value:
        try:
            value = unquote_to_bytes(value.replace("+", " ")).decode()
        except UnicodeDecodeError:
            raise BadInput(f"bad_{name}", f"{name} is not UTF-8") from None
    if not value.isprintable():
        raise BadInput(f"bad_{name}", f"{name} holds control characters")
    return value


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9) or not 1 <= int(text) <= MAX_N:
        raise BadInput("bad_n", f"n is a whole number from 1 to {MAX_N}, not {text[:60]!r}")
    return int(text)
