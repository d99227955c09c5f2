"""Reads anybody's interactions into sessions, and counts what it had to leave out.

Rows may come in any order; they are sorted by time, rows of equal time keeping the file's order. Rows that agree in
visitor, session, item, time and type are one. A session without a column of its own ends after 30 idle minutes.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc

from origin.training.arrays import Bools, Longs
from origin.training.catalogue import Catalogue
from origin.training.items_file import ITEM, TITLE, catalogue_of, read_ids, read_items
from origin.training.sessions import Sessions
from origin.training.tables import Table, find_column, need_column, read_table, text_column
from origin.training.times import read_times
from shared.errors import BadInput

VISITOR = ("visitor", "visitor_id", "user", "user_id", "customer", "customer_id", "uid")
SESSION = ("session", "session_id", "basket", "order", "order_id", "invoice", "invoice_no", "sid")
TIME = ("time", "timestamp", "ts", "date", "datetime", "event_time", "created_at", "invoice_date")
TYPE = ("type", "event", "event_type", "action", "behavior", "behaviour")
NO_INTEREST = frozenset(("impression", "remove", "removefromcart", "refund", "return", "cancel", "dislike"))
"""Event types that do not speak for the item; case, spaces, dashes and underscores aside."""
IDLE_MS = 30 * 60 * 1000


class Columns(NamedTuple):
    """Names of a file's columns where they are not among the aliases above."""

    visitor: str | None = None
    session: str | None = None
    item: str | None = None
    time: str | None = None
    type: str | None = None
    title: str | None = None


_NO_NAMES = Columns()


class Dataset(NamedTuple):
    catalogue: Catalogue
    sessions: Sessions
    """In the order of their last events; items by their index in the catalogue."""
    dropped: dict[str, int]
    """Rows left out, by reason."""

    def counts(self) -> dict[str, int | dict[str, int]]:
        """For the model's training notes."""
        return {
            "items": self.catalogue.size,
            "events": len(self.sessions.events),
            "sessions": self.sessions.size,
            "dropped": self.dropped,
        }


def read_dataset(
    interactions: Path, items: Path | None = None, *, now_ms: int, columns: Columns = _NO_NAMES
) -> Dataset:
    """The dataset in a file of interactions and, if there is one, a file of items.

    Raises :class:`BadInput` (``bad_file``) that names the file, and column, row and value where there are such:
    unreadable, empty or non-UTF-8 files, missing columns, times that are none or lie more than a day after
    ``now_ms``, ids with commas or control characters or beyond 64 characters, fewer than two items.
    """
    table = read_table(interactions)
    item = need_column(table, "item", ITEM, columns.item)
    time = need_column(table, "time", TIME, columns.time)
    visitor = find_column(table, VISITOR, columns.visitor)
    session = find_column(table, SESSION, columns.session)
    if visitor is None and session is None:
        need_column(table, "visitor or session", (*VISITOR, *SESSION), None)
    kind = find_column(table, TYPE, columns.type)
    title = find_column(table, TITLE, columns.title)
    ids = read_ids(table, item)
    times = read_times(table, time, now_ms)
    people, visits = _codes(table, visitor), _codes(table, session)

    kinds = _codes(table, kind)
    ignored = np.isin(np.arange(table.rows), _ignored(table, kind))
    usable, dropped = _usable(np.array([bool(i) for i in ids]), (people >= 0) | (visits >= 0), ~ignored)
    names, indices = np.unique(np.array(ids, object)[usable], return_inverse=True)
    if len(names) < 2:
        raise BadInput("bad_file", f"{interactions.name}: {len(names)} item(s) are left; a model needs at least 2")
    rows = np.column_stack([people[usable], visits[usable], indices, times[usable], kinds[usable]])
    unique = np.sort(np.unique(rows, axis=0, return_index=True)[1])
    dropped["duplicate"] = len(rows) - len(unique)
    rows = rows[unique]
    order, ends = cut_sessions(rows[:, 0], rows[:, 1], rows[:, 3])

    fields = read_items(items) if items else None
    known = list(dict.fromkeys([*names.tolist(), *(fields.ids if fields else ())]))
    catalogue = catalogue_of(known, _titles(table, title, ids) if title else {}, fields)
    return Dataset(catalogue, Sessions(rows[order, 2].astype(np.int32), ends), {k: n for k, n in dropped.items() if n})


def cut_sessions(people: Longs, visits: Longs, times: Longs) -> tuple[Longs, Longs]:
    """(order, ends): rows in ``order`` lie session by session, oldest session first by its last event.

    Rows of one session column value and visitor are a session; rows without the former are cut where their visitor
    was idle for more than IDLE_MS. Codes are -1 where there is none.
    """
    order = np.lexsort((times, people, visits))
    p, v, t = people[order], visits[order], times[order]
    starts = np.ones(len(order), bool)
    starts[1:] = (p[1:] != p[:-1]) | (v[1:] != v[:-1]) | ((v[1:] < 0) & (np.diff(t) > IDLE_MS))
    session = np.cumsum(starts) - 1
    last = t[np.append(np.flatnonzero(starts)[1:], len(t)) - 1]
    rank = np.empty(len(last), np.int64)
    rank[np.argsort(last, kind="stable")] = np.arange(len(last))
    again = np.argsort(rank[session], kind="stable")
    lengths = np.bincount(rank[session])
    return order[again], np.concatenate([[0], np.cumsum(lengths)])


def _usable(named: Bools, owned: Bools, wanted: Bools) -> tuple[Longs, dict[str, int]]:
    """The rows that count, and how many do not, by reason; a row with several reasons counts under the first."""
    dropped = {
        "without item": int((~named).sum()),
        "without visitor and session": int((named & ~owned).sum()),
        "type shows no interest": int((named & owned & ~wanted).sum()),
    }
    return np.flatnonzero(named & owned & wanted), dropped


def _ignored(table: Table, kind: str | None) -> Longs:
    """The rows whose event type does not speak for the item."""
    if kind is None:
        return np.zeros(0, np.int64)
    plain = pc.replace_substring_regex(pc.utf8_lower(text_column(table, kind)), pattern=r"[\s_-]", replacement="")
    found: Longs = np.flatnonzero(np.isin(plain.to_numpy().astype(str), sorted(NO_INTEREST)))
    return found


def _titles(table: Table, name: str, ids: list[str]) -> dict[str, str]:
    """Each item's last title that is not empty."""
    texts = text_column(table, name).to_pylist()
    return {item: text for item, text in zip(ids, texts, strict=True) if item and text}


def _codes(table: Table, name: str | None) -> Longs:
    """A column's distinct values as numbers from 0; -1 where it is empty, or where there is no such column."""
    if name is None:
        return np.full(table.rows, -1, np.int64)
    encoded = pc.dictionary_encode(text_column(table, name)).combine_chunks()
    codes: Longs = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    words = encoded.dictionary.to_pylist()
    if "" in words:
        codes[codes == words.index("")] = -1
    return codes
