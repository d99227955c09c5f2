"""Times in anybody's notation to milliseconds since 1970 UTC."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from origin.training.arrays import Longs
from origin.training.tables import Table

_MS_FROM = 1e11
"""Numbers from here on are milliseconds (seconds would be in the year 5138)."""
DAY_MS = 86_400_000


def read_times(table: Table, name: str, now_ms: int) -> Longs:
    """Column ``name`` as milliseconds. Read are unix seconds and milliseconds, ISO 8601 and timestamp types.

    Times without a zone are taken as UTC. Raises :class:`shared.errors.BadInput` for the first that is unreadable,
    before 1970, or more than a day after ``now_ms``.
    """
    column = table.columns[name]
    times = _typed(column)
    if times is None:
        times = _numbers(column) if _is_numeric(column) else _iso(table, name, column)
    bad = np.flatnonzero(~(times >= 0))
    if len(bad):
        table.wrong(name, int(bad[0]), "is not a time", column[int(bad[0])].as_py())
    late = np.flatnonzero(times > now_ms + DAY_MS)
    if len(late):
        table.wrong(name, int(late[0]), "lies in the future", column[int(late[0])].as_py())
    return times.astype(np.int64)


def _typed(column: pa.ChunkedArray) -> "np.ndarray[tuple[int], np.dtype[np.float64]] | None":
    """A column of timestamps or dates; -1 for nulls. None for other types."""
    if not (pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)):
        return None
    stamps = column.cast(pa.timestamp("ms", tz=getattr(column.type, "tz", None)), safe=False).cast(pa.int64())
    return np.asarray(pc.fill_null(stamps, -1).to_numpy(), np.float64)


def _is_numeric(column: pa.ChunkedArray) -> bool:
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        return True
    if not pa.types.is_string(column.type):
        return False
    first = column[0].as_py()
    try:
        float(first)
    except (TypeError, ValueError):
        return False
    return True


def _numbers(column: pa.ChunkedArray) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Unix seconds or milliseconds, told apart by size, row by row; NaN for what is no number."""
    try:
        values = pc.fill_null(column.cast(pa.float64()), float("nan")).to_numpy()
    except pa.ArrowInvalid:
        values = np.array([_number(v) for v in column.to_pylist()])
    values = np.where(np.isfinite(values), values, np.nan)
    return np.floor(np.where(values >= _MS_FROM, values, values * 1000))


def _number(text: object) -> float:
    try:
        return float(str(text))
    except ValueError:
        return float("nan")


def _iso(table: Table, name: str, column: pa.ChunkedArray) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """ISO 8601 text. The common forms at once by pyarrow; mixed ones row by row."""
    if not pa.types.is_string(column.type) and not pa.types.is_large_string(column.type):
        table.wrong(name, 0, f"needs a time, not {column.type}", column[0].as_py())
    for kind in (pa.timestamp("ms"), pa.timestamp("ms", "UTC")):
        try:
            return np.asarray(column.cast(kind).cast(pa.int64()).to_numpy(), np.float64)
        except pa.ArrowInvalid:
            continue
    return np.array([_one_iso(v) for v in column.to_pylist()])


def _one_iso(text: object) -> float:
    try:
        time = datetime.fromisoformat(str(text).strip())
    except ValueError:
        return float("nan")
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000
