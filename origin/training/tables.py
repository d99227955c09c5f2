"""Reads a CSV or Parquet file into columns of text or numbers, and says exactly where a file is wrong."""

import csv
import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from shared.errors import BadInput

_DELIMITERS = ("\t", ";", ",")


class Table(NamedTuple):
    """A file's columns. CSV columns are strings; Parquet columns keep their type."""

    path: Path
    columns: Mapping[str, pa.ChunkedArray]
    """By the name that stands in the file."""
    rows: int
    first: int
    """The number of the first data row as a person counts: 2 in CSV, where the header is row 1, and 1 in Parquet."""

    def wrong(self, column: str, row: int, what: str, value: object) -> NoReturn:
        """Raise :class:`BadInput` for the value of ``column`` in data row ``row`` (from 0)."""
        shown = repr(value if len(str(value)) <= 60 else f"{str(value)[:60]}...")
        raise BadInput("bad_file", f"{self.path.name}: column {column}, row {row + self.first}: {what}: {shown}")


def read_table(path: Path) -> Table:
    """The table in ``path``: Parquet by its suffix, else CSV, whose delimiter (comma, tab, semicolon) is found out.

    A further suffix .gz means gzip. Raises :class:`BadInput` (``bad_file``) naming the file and what is wrong.
    """
    if not path.is_file():
        raise BadInput("bad_file", f"{path}: there is no such file")
    if path.stat().st_size == 0:
        raise BadInput("bad_file", f"{path.name}: the file is empty")
    parquet = ".parquet" in path.suffixes[-2:]
    try:
        table = _parquet(path) if parquet else _csv(path)
    except (pa.ArrowInvalid, pa.ArrowException, OSError, EOFError) as error:
        _explain(path, error, parquet)
    if table.num_rows == 0:
        raise BadInput("bad_file", f"{path.name}: the file has a header but no rows")
    columns = {name: table.column(i) for i, name in enumerate(table.column_names)}
    return Table(path, columns, table.num_rows, 1 if parquet else 2)


def find_column(table: Table, aliases: Sequence[str], override: str | None) -> str | None:
    """The column called ``override``, or the first whose name is among ``aliases`` but for case, spaces and ``_``.

    Raises :class:`BadInput` if ``override`` names no column.
    """
    if override is not None:
        if override not in table.columns:
            raise BadInput("bad_file", f"{table.path.name}: no column {override!r}; it has {_names(table)}")
        return override
    plain = {_plain(name): name for name in reversed(list(table.columns))}
    return next((plain[alias] for alias in map(_plain, aliases) if alias in plain), None)


def need_column(table: Table, what: str, aliases: Sequence[str], override: str | None) -> str:
    """As :func:`find_column`, but a missing column is an error that says how it may be called."""
    found = find_column(table, aliases, override)
    if found is None:
        raise BadInput(
            "bad_file",
            f"{table.path.name}: column {what} is missing; it may be called {', '.join(aliases)}. "
            f"The file has {_names(table)}",
        )
    return found


def text_column(table: Table, name: str) -> pa.ChunkedArray:
    """A column as strings, trimmed; empty ones and nulls become "". Whole numbers read as written.

    Raises :class:`BadInput` for a column of lists, floats or other types that name nothing.
    """
    column = table.columns[name]
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not (
        pa.types.is_integer(column.type) or pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    ):
        if pa.types.is_null(column.type):
            return pa.chunked_array([pa.array([""] * table.rows, pa.string())])
        table.wrong(name, 0, f"needs text or whole numbers, not {column.type}", column[0].as_py())
    return pc.fill_null(pc.utf8_trim_whitespace(column.cast(pa.string())), "")


def _plain(name: str) -> str:
    return name.casefold().replace("_", "").replace(" ", "").replace("-", "").lstrip("\ufeff")


def _names(table: Table) -> str:
    return ", ".join(table.columns) or "none"


def _parquet(path: Path) -> pa.Table:
    if path.suffix == ".gz":
        return pyarrow.parquet.read_table(pa.BufferReader(gzip.decompress(path.read_bytes())))
    return pyarrow.parquet.read_table(path)


def _csv(path: Path) -> pa.Table:
    header = _first_line(path)
    delimiter = max(_DELIMITERS, key=header.count)
    names = next(iter(_split(header, delimiter)), [])
    return pyarrow.csv.read_csv(
        path,
        parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        ),
    )


def _split(header: str, delimiter: str) -> list[list[str]]:
    return list(csv.reader([header], delimiter=delimiter))


def _first_line(path: Path) -> str:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        return file.readline(1 << 20).decode("utf-8-sig", errors="replace").rstrip("\r\n")


def _explain(path: Path, error: Exception, parquet: bool) -> NoReturn:
    """Raise BadInput for a file that could not be read, with the row if it can be found."""
    if not parquet:
        _find_bad_row(path)
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    kind = "Parquet" if parquet else "CSV"
    raise BadInput("bad_file", f"{path.name}: cannot be read as {kind}: {text[:200]}") from error


def _find_bad_row(path: Path) -> None:
    """Raise for the first row that is not UTF-8 or has another number of fields than the header; else return."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            header = _first_line(path)
            delimiter = max(_DELIMITERS, key=header.count)
            for number, line in enumerate(file, 1):
                try:
                    line.decode()
                except UnicodeDecodeError as bad:
                    raise BadInput("bad_file", f"{path.name}: row {number} is not UTF-8: {line[:60]!r}") from bad
        with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as text:
            rows = csv.reader(text, delimiter=delimiter)
            width = len(next(rows, []))
            for number, row in enumerate(rows, 2):
                if row and len(row) != width:
                    raise BadInput(
                        "bad_file", f"{path.name}: row {number} has {len(row)} fields where the header has {width}"
                    )
    except (OSError, EOFError, csv.Error):
        return
