"""What the site decides, slot by slot, on top of the model: standing filters, hidden items, pins, boosts, spread.

A rules file is JSON, every part optional; the slot ``*`` holds for slots without an entry of their own::

    {"version": "2026-11-21",
     "slots": {"home": {"seen": "drop",                            # items seen: "drop", "demote" or "allow"
                        "purchased": "drop",                       # items bought, likewise
                        "filter": "price>0",                       # always applied
                        "hide": ["22423"],                         # never shown
                        "pins": {"1": "85123A"},                   # place (from 1) -> item
                        "boosts": [{"filter": "category=candles", "percent": 120}],
                        "spread": {"field": "category", "max": 3}}}}
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from shared.errors import BadInput
from shared.filters import Condition, parse_filter

MAX_RULES_BYTES = 256 * 1024
TREATMENTS = ("drop", "demote", "allow")
SLOT = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


class Boost(NamedTuple):
    """Multiplies the score of items that satisfy ``filter``; 100 percent changes nothing."""

    filter: tuple[Condition, ...]
    percent: int


class Spread(NamedTuple):
    """At most ``max`` items with the same value of ``field``, as long as others are left to show."""

    field: str
    max: int


class SlotRules(NamedTuple):
    """The rules of one slot; the defaults are those of a slot that no rule mentions."""

    seen: str = "drop"
    purchased: str = "drop"
    filter: tuple[Condition, ...] = ()
    hide: tuple[str, ...] = ()
    pins: tuple[tuple[int, str], ...] = ()
    boosts: tuple[Boost, ...] = ()
    spread: Spread | None = None


class Rules(NamedTuple):
    """All slots' rules, named by a version that every cache key holds."""

    version: str = "none"
    slots: Mapping[str, SlotRules] = {}

    def slot(self, name: str) -> SlotRules:
        """The rules of slot ``name``: its own, else those of ``*``, else the defaults."""
        return self.slots.get(name) or self.slots.get("*") or _DEFAULT


_DEFAULT = SlotRules()
NO_RULES = Rules()


def read_rules(text: str) -> Rules:
    """Rules from a rules file. Raises :class:`BadInput` with the place of the first thing that is wrong."""
    if len(text) > MAX_RULES_BYTES:
        raise BadInput("bad_rules", f"a rules file has at most {MAX_RULES_BYTES} characters, not {len(text)}")
    try:
        data = json.loads(text)
    except ValueError as error:
        raise BadInput("bad_rules", f"not JSON: {error}") from error
    _fields(data, "the file", {"version": str, "slots": dict}, required=("version",))
    _must(re.fullmatch(r"[\w.-]{1,64}", data["version"]), "version must be 1 to 64 letters, digits, dots or dashes")
    slots = {}
    for name, fields in data.get("slots", {}).items():
        _must(name == "*" or SLOT.fullmatch(name), f"{name[:40]!r} is not a slot name")
        slots[name] = _slot(fields, f"slot {name}")
    return Rules(data["version"], slots)


def _slot(data: Any, where: str) -> SlotRules:
    kinds = {"seen": str, "purchased": str, "filter": str, "hide": list, "pins": dict, "boosts": list, "spread": dict}
    _fields(data, where, kinds)
    for name in ("seen", "purchased"):
        treatment = data.get(name, "drop")
        _must(treatment in TREATMENTS, f"{where}: {name} must be {', '.join(TREATMENTS)}, not {treatment!r}")
    hide = data.get("hide", [])
    pins = data.get("pins", {})
    _must(all(isinstance(i, str) for i in [*hide, *pins.values()]), f"{where}: items are named by strings")
    _must(all(re.fullmatch(r"[1-9]\d?|100", p) for p in pins), f"{where}: pins go to places 1 to 100")
    boosts = []
    for n, entry in enumerate(data.get("boosts", [])):
        _fields(entry, f"{where}, boost {n}", {"filter": str, "percent": int}, required=("filter", "percent"))
        _must(0 <= entry["percent"] <= 1000, f"{where}, boost {n}: percent must be 0 to 1000")
        boosts.append(Boost(parse_filter(entry["filter"]), entry["percent"]))
    spread = None
    if "spread" in data:
        _fields(data["spread"], f"{where}, spread", {"field": str, "max": int}, required=("field", "max"))
        spread = Spread(**data["spread"])
        _must(spread.max >= 1, f"{where}: spread.max must be at least 1")
    return SlotRules(
        seen=data.get("seen", "drop"),
        purchased=data.get("purchased", "drop"),
        filter=parse_filter(data.get("filter", "")),
        hide=tuple(hide),
        pins=tuple(sorted((int(place), item) for place, item in pins.items())),
        boosts=tuple(boosts),
        spread=spread,
    )


def _fields(data: Any, where: str, kinds: Mapping[str, type], required: tuple[str, ...] = ()) -> None:
    _must(isinstance(data, dict), f"{where} must be an object")
    for name, value in data.items():
        _must(name in kinds, f"{where}: unknown field {name[:40]!r}; known are {', '.join(kinds)}")
        _must(type(value) is kinds[name], f"{where}: {name} must be of type {kinds[name].__name__}")
    for name in required:
        _must(name in data, f"{where}: {name} is missing")


def _must(holds: object, complaint: str) -> None:
    if not holds:
        raise BadInput("bad_rules", complaint)
