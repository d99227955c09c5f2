"""Reads an items file into a catalogue: title, price, category, and any further fields worth filtering by."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from origin.training.arrays import Floats, Ints, Longs
from origin.training.catalogue import Catalogue, Column, members
from origin.training.tables import Table, find_column, need_column, read_table, text_column
from shared.answer import MAX_ID_BYTES
from shared.model import MISSING

ITEM = ("item", "item_id", "product", "product_id", "sku", "id", "asin", "stockcode")
TITLE = ("title", "name", "product_name", "description")
MAX_WORDS = 256
"""A text column with more distinct values is not a keyword."""
_FIELD = re.compile(r"[a-z][a-z0-9_]{0,31}")
_LIMIT = 2**31 - 1


class ItemFields(NamedTuple):
    """What a file says of items: parallel to ``ids``."""

    ids: Sequence[str]
    titles: Sequence[str]
    numbers: dict[str, Floats]
    """NaN where an item has none."""
    words: dict[str, Sequence[str]]
    """Empty where an item has none."""


def read_items(path: Path, item: str | None = None) -> ItemFields:
    """The items in ``path``; of an item that is named twice the last row counts.

    A column whose filled values are all numbers becomes a number field; one of at most MAX_WORDS distinct values that
    repeat becomes a keyword field (``category`` always does); other columns are left out.
    """
    table = read_table(path)
    key = need_column(table, "item", ITEM, item)
    ids = read_ids(table, key)
    last = {value: row for row, value in enumerate(ids) if value}
    rows = np.fromiter(last.values(), np.int64, len(last))
    titles = find_column(table, TITLE, None)
    numbers: dict[str, Floats] = {}
    words: dict[str, Sequence[str]] = {}
    for name in table.columns:
        field = re.sub(r"\W+", "_", name.strip().lower())
        if name in (key, titles) or not _FIELD.fullmatch(field) or not _readable(table, name):
            continue
        texts = _text(table, name)
        values = [texts[row] for row in rows]
        if (parsed := _numbers(values)) is not None and field != "category":
            numbers[field] = parsed
        elif field == "price":
            _complain(table, name, values, rows)
        elif _repeats(values) or (field == "category" and len(set(values)) <= MAX_WORDS):
            words[field] = values
    named = _text(table, titles) if titles else [""] * table.rows
    return ItemFields(list(last), [named[row] for row in rows], numbers, words)


def catalogue_of(ids: Sequence[str], titles: dict[str, str], fields: ItemFields | None) -> Catalogue:
    """The catalogue over ``ids``; what ``fields`` does not know is missing. ``titles`` serve where it has none."""
    at = {value: row for row, value in enumerate(fields.ids)} if fields else {}
    rows = [at.get(value, -1) for value in ids]
    named = [
        (fields.titles[row] if fields and row >= 0 else "") or titles.get(value, "")
        for value, row in zip(ids, rows, strict=True)
    ]
    columns: dict[str, Column] = {}
    for name, values in (fields.words if fields else {}).items():
        columns[name] = _keyword([values[row] if row >= 0 else "" for row in rows])
    for name, numbers in (fields.numbers if fields else {}).items():
        columns[name] = _number(np.array([numbers[row] if row >= 0 else np.nan for row in rows]))
    cards = [members(_shown(title, columns, index)) for index, title in enumerate(named)]
    return Catalogue(list(ids), named, cards, columns)


def read_ids(table: Table, name: str) -> list[str]:
    """Item ids, empty where there is none. Raises for one that an answer's URL could not carry."""
    ids: list[str] = text_column(table, name).to_pylist()
    for value in set(ids):
        if "," in value or not value.isprintable() or len(value) > MAX_ID_BYTES:
            what = f"an item id has no comma, no control character and at most {MAX_ID_BYTES} characters"
            table.wrong(name, ids.index(value), what, value)
    return ids


def _text(table: Table, name: str) -> list[str]:
    column = table.columns[name]
    if pa.types.is_floating(column.type):
        return ["" if v is None or v != v else repr(v) for v in column.to_pylist()]
    texts: list[str] = text_column(table, name).to_pylist()
    return texts


def _readable(table: Table, name: str) -> bool:
    kind = table.columns[name].type
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_string(kind))


def _numbers(values: Sequence[str]) -> Floats | None:
    try:
        numbers = np.array([float(v) if v else np.nan for v in values])
    except ValueError:
        return None
    return None if np.isnan(numbers).all() or np.isinf(numbers).any() else numbers


def _complain(table: Table, name: str, values: Sequence[str], rows: Longs) -> None:
    """Raise for the first price that is not a number; an all-empty column is fine."""
    for value, row in zip(values, rows, strict=True):
        try:
            float(value or 0)
        except ValueError:
            table.wrong(name, int(row), "is not a number", value)


def _repeats(values: Sequence[str]) -> bool:
    filled = [v for v in values if v]
    distinct = len(set(filled))
    return 0 < distinct <= MAX_WORDS and distinct * 2 <= len(filled)


def _keyword(values: Sequence[str]) -> Column:
    words = sorted({v for v in values if v})
    codes = {word: code for code, word in enumerate(words)}
    return Column(np.array([codes.get(v, MISSING) for v in values], np.int32), 0, tuple(words))


def _number(values: Floats) -> Column:
    """Whole numbers at scale 1, others at 100; what does not fit an int32 at that scale is missing."""
    filled = values[~np.isnan(values)]
    scale = 1 if (filled == np.rint(filled)).all() else 100
    units = np.rint(values * scale)
    fits = np.abs(np.where(np.isnan(units), np.inf, units)) <= _LIMIT
    stored: Ints = np.where(fits, np.where(fits, units, 0), MISSING).astype(np.int32)
    return Column(stored, scale)


def _shown(title: str, columns: dict[str, Column], index: int) -> dict[str, object]:
    shown: dict[str, object] = {"title": title}
    for name in ("price", "category"):
        if (column := columns.get(name)) and (value := int(column.values[index])) != MISSING:
            shown[name] = value / column.scale if column.scale else column.words[value]
    return shown
