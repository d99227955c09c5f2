"""Rows of somebody's file of past events, one at a time, whatever its format; a row that cannot be read is named."""

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any, NamedTuple

from origin.training.datasets import TIME, TYPE, VISITOR
from origin.training.items_file import ITEM
from origin.training.tables import Table, find_column, need_column
from shared.errors import BadInput
from shared.events import FIELDS

_ID = ("id", "event_id", "uuid")
_ITEM = tuple(name for name in ITEM if name not in _ID)
_MS_FROM = 1e11
"""Numbers from here on are milliseconds (seconds would be in the year 5138)."""
_PAGE = 2000
_REMEMBERED = 200_000
_LAYOUTS = 1000


class Row(NamedTuple):
    """``number`` as a person counts lines, from 1; ``wrong`` says why there are no ``values``."""

    number: int
    values: Mapping[str, Any]
    wrong: str = ""


class Columns(NamedTuple):
    """Names of a file's columns where they are not among the usual ones."""

    visitor: str | None = None
    type: str | None = None
    item: str | None = None
    time: str | None = None
    id: str | None = None


def format_of(path: Path) -> str:
    """By the file's suffix, ``.gz`` aside; CSV if it says nothing."""
    suffixes = path.suffixes[-2:]
    if ".parquet" in suffixes:
        return "parquet"
    return "jsonl" if {".jsonl", ".ndjson", ".json"} & set(suffixes) else "csv"


def read_rows(path: Path, file_format: str) -> Iterator[Row]:
    """The file's rows; few of them in memory. Raises :class:`BadInput` for a file that is not of that format at all."""
    if not path.is_file():
        raise BadInput("bad_file", f"{path}: there is no such file")
    try:
        if file_format == "parquet":
            yield from _parquet(path)
            return
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as binary:
            # What is not UTF-8 becomes characters that no id may hold: the row is refused, the others are not.
            text = io.TextIOWrapper(binary, "utf-8-sig", errors="surrogateescape", newline="")
            yield from _jsonl(text) if file_format == "jsonl" else _csv(path, text)
    except (OSError, EOFError) as error:
        raise BadInput("bad_file", f"{path.name}: cannot be read: {str(error)[:200]}") from error


class _Layout(NamedTuple):
    """Which column holds what; "" where none does."""

    visitor: str
    time: str
    item: str
    type: str
    id: str
    fields: Mapping[str, str]


class Reader:
    """Makes of rows what :func:`shared.events.read_batch` reads. Ids follow from the rows where the file has none.

    Rows of one visitor, type, item and time are told apart by their order; that is remembered of the last 200,000.
    """

    def __init__(self, path: Path, columns: Columns, default_type: str) -> None:
        self._path = path
        self._columns = columns
        self._default_type = default_type
        self._layouts: dict[tuple[str, ...], _Layout] = {}
        self._seen: dict[bytes, int] = {}

    def event(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The row as a caller would send it. Raises :class:`BadInput` that says what is wrong with it."""
        layout = self._layout(tuple(values))
        raw: dict[str, Any] = {name: _value(name, values[column]) for name, column in layout.fields.items()}
        raw["visitor"], raw["item"] = _text(values[layout.visitor]), _text(values.get(layout.item)) or None
        raw["type"] = (_text(values.get(layout.type)) or self._default_type).lower()
        raw["time"] = _time_ms(values[layout.time])
        raw["id"] = _text(values.get(layout.id)) or self._derived(raw)
        return raw

    def _layout(self, names: tuple[str, ...]) -> _Layout:
        """By the columns' names, which in JSON may be others in every line."""
        if found := self._layouts.get(names):
            return found
        table, columns = Table(self._path, dict.fromkeys(names), 0, 1), self._columns
        layout = _Layout(
            visitor=need_column(table, "visitor", VISITOR, columns.visitor),
            time=need_column(table, "time", TIME, columns.time),
            item=find_column(table, _ITEM, columns.item) or "",
            type=find_column(table, TYPE, columns.type) or "",
            id=find_column(table, _ID, columns.id) or "",
            fields={name: column for name in FIELDS if (column := find_column(table, (name,), None))},
        )
        if len(self._layouts) >= _LAYOUTS:
            self._layouts.clear()
        self._layouts[names] = layout
        return layout

    def _derived(self, raw: Mapping[str, Any]) -> str:
        what = "\x1f".join(str(raw[name]) for name in ("visitor", "type", "item", "time"))
        row = blake2b(what.encode(errors="surrogateescape"), digest_size=12).digest()
        if len(self._seen) >= _REMEMBERED:
            self._seen.clear()
        self._seen[row] = again = self._seen.get(row, -1) + 1
        return f"{row.hex()}-{again}"


def _csv(path: Path, text: IO[str]) -> Iterator[Row]:
    first = text.readline()
    delimiter = max(("\t", ";", ","), key=first.count)
    names = [name.strip() for name in next(csv.reader([first], delimiter=delimiter), [])]
    if not names:
        raise BadInput("bad_file", f"{path.name}: the file is empty")
    rows = csv.reader(text, delimiter=delimiter)
    while True:
        number = rows.line_num + 2
        try:
            cells = next(rows, None)
        except csv.Error as error:
            yield Row(number, {}, str(error))
            continue
        if cells is None:
            return
        if len(cells) == len(names):
            yield Row(number, dict(zip(names, cells, strict=True)))
        elif cells:
            yield Row(number, {}, f"has {len(cells)} fields where the header has {len(names)}")


def _jsonl(text: IO[str]) -> Iterator[Row]:
    for number, line in enumerate(text, 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Row(number, {}, f"is not JSON: {str(error)[:100]}")
            continue
        yield Row(number, values) if isinstance(values, dict) else Row(number, {}, "is not a JSON object")


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=_PAGE):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(number, values)
    except pa.ArrowException as error:
        raise BadInput("bad_file", f"{path.name}: cannot be read as Parquet: {str(error)[:200]}") from error


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():  # a whole number in a column with gaps
        value = int(value)
    return str(value).strip()


def _value(name: str, value: Any) -> Any:
    """A cell as the field ``name`` wants it; left to the validation if it is not like that."""
    if not isinstance(value, str):
        return None if isinstance(value, float) and value != value else value
    value = value.strip()
    try:
        match FIELDS[name].kind:
            case _ if not value:
                return None
            case "int" | "number":
                number = float(value)
                return int(number) if number.is_integer() else number
            case "object":
                return json.loads(value)
    except (ValueError, RecursionError, OverflowError):
        pass
    return value


def _time_ms(value: Any) -> int:
    """Unix seconds or milliseconds, ISO 8601, or a date; without a zone it is UTC."""
    try:
        if isinstance(value, date):
            time = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)
        else:
            try:
                number = float(value)
                return int(number if number >= _MS_FROM else number * 1000)
            except ValueError:
                time = datetime.fromisoformat(str(value).strip())
        return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
    except (TypeError, ValueError, OverflowError):
        raise BadInput("bad_time", f"is not a time: {str(value)[:40]!r}") from None
