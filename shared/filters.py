"""The filter language of ``filter=…`` and of rules: conditions on a model's columns, joined by ``;`` (and).

::

    category=candles            one of the values: category=candles|lanterns
    category!=candles           none of them
    price<=5   price<5   price>=2.50   price>2   price=0.85

Parsing knows no model; :func:`resolve` turns the conditions into integer ranges over one model's columns.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from shared.errors import BadInput, NotInModel
from shared.kernels import Term
from shared.model import MISSING, Model

MAX_CONDITIONS = 8
MAX_VALUES = 32
MAX_TEXT = 512

_CONDITION = re.compile(r"([a-z][a-z0-9_]{0,31})(<=|>=|!=|=|<|>)(.+)", re.DOTALL)
_NUMBER = re.compile(r"-?\d{1,9}(\.\d{1,6})?")
_LOWEST, _HIGHEST = MISSING + 1, 2**31 - 1


class Condition(NamedTuple):
    field: str
    operator: str
    values: tuple[str, ...]


@lru_cache(maxsize=256)
def parse_filter(text: str) -> tuple[Condition, ...]:
    """The conditions of ``text``, sorted, so that equal filters compare equal. Raises :class:`BadInput`."""
    if len(text) > MAX_TEXT:
        raise BadInput("bad_filter", f"a filter has at most {MAX_TEXT} characters, not {len(text)}")
    parts = [part for part in text.split(";") if part]
    if len(parts) > MAX_CONDITIONS:
        raise BadInput("bad_filter", f"a filter has at most {MAX_CONDITIONS} conditions, not {len(parts)}")
    return tuple(sorted(map(_condition, parts)))


def render_filter(conditions: Sequence[Condition]) -> str:
    """The text that :func:`parse_filter` reads back as ``conditions``."""
    return ";".join(f"{c.field}{c.operator}{'|'.join(c.values)}" for c in conditions)


def resolve(model: Model, conditions: Sequence[Condition]) -> tuple[Term, ...]:
    """The conditions as ranges over the model's columns.

    A keyword the model has never seen matches nothing. Raises :class:`NotInModel` for a field without a column
    and :class:`BadInput` for a comparison that the field's kind does not allow.
    """
    return tuple(_term(model, condition) for condition in conditions)


def _condition(part: str) -> Condition:
    match = _CONDITION.fullmatch(part)
    if not match:
        raise BadInput("bad_filter", f"cannot read the condition {part[:60]!r}; write field=value or field<=5")
    field, operator, text = match.groups()
    values = tuple(sorted({value for value in text.split("|") if value}))
    if not 0 < len(values) <= MAX_VALUES:
        raise BadInput("bad_filter", f"the condition on {field} needs 1 to {MAX_VALUES} values")
    if operator not in ("=", "!=") and (len(values) > 1 or not _NUMBER.fullmatch(values[0])):
        raise BadInput("bad_filter", f"{field}{operator} compares with one number, not {text[:60]!r}")
    return Condition(field, operator, values)


def _term(model: Model, condition: Condition) -> Term:
    column = model.columns.get(condition.field)
    if column is None:
        known = ", ".join(sorted(model.columns)) or "no fields"
        raise NotInModel("unknown_field", f"the model cannot filter by {condition.field!r}; it knows {known}")
    if column["kind"] == "number":
        ranges = tuple(_range(condition.operator, value, column["scale"]) for value in condition.values)
    elif condition.operator in ("=", "!="):
        codes = {value: code for code, value in enumerate(column["values"])}
        ranges = tuple((codes[v], codes[v]) for v in condition.values if v in codes)
    else:
        raise BadInput("bad_filter", f"{condition.field} holds words; compare it with = or !=")
    return Term(condition.field, ranges, condition.operator != "!=")


def _range(operator: str, value: str, scale: int) -> tuple[int, int]:
    """The integer range that ``operator value`` means in a column with ``scale`` units per 1."""
    if not _NUMBER.fullmatch(value):
        raise BadInput("bad_filter", f"{value[:60]!r} is not a number")
    whole, _, decimals = value.lstrip("-").partition(".")
    exact = int(whole + decimals) * scale * (-1 if value.startswith("-") else 1)
    divisor: int = 10 ** len(decimals)
    floor, ceiling = exact // divisor, -(-exact // divisor)
    low, high = {
        "<": (_LOWEST, ceiling - 1),
        "<=": (_LOWEST, floor),
        ">": (floor + 1, _HIGHEST),
        ">=": (ceiling, _HIGHEST),
        "=": (ceiling, floor),
        "!=": (ceiling, floor),
    }[operator]
    return max(low, _LOWEST), min(high, _HIGHEST)
