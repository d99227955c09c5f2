"""Events as Avro: for readers outside of Doorstep, which know the schema by the fingerprint in front of each record.

The schema follows from :data:`shared.events.FIELDS`. Every schema that ever was in use is kept in ``schemas/``: a
record names the one it was written with, and is read by the current one.
"""

import io
import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import fastavro
from fastavro.schema import fingerprint, to_parsing_canonical_form

from shared.errors import BadInput
from shared.events import FIELDS, KINDS, Context, Event

MARK = b"\xc3\x01"
"""A single-object encoding begins with this, then eight bytes of CRC-64-AVRO; the record's bytes follow.

https://avro.apache.org/docs/1.12.0/specification/#single-object-encoding
"""
SCHEMAS = Path(__file__).parent / "schemas"
_SCALARS = ["null", "boolean", "long", "double", "string"]
_TYPES = {"slot": "string", "text": "string", "int": "int", "number": "double"}
_HEADER = len(MARK) + 8


def schema() -> dict[str, Any]:
    """The schema as it follows from the fields of today. What is added has a default, so that all can read all."""
    kinds = "; ".join(f"{name}: {kind.about}" for name, kind in KINDS.items())
    return {
        "type": "record", "name": "Event", "namespace": "doorstep", "doc": "One thing that a visitor did.",
        "fields": [
            {"name": "id", "type": "string", "doc": "different for every event of a visitor"},
            {"name": "visitor", "type": "string"},
            {"name": "type", "type": "string", "doc": kinds},
            {"name": "time_ms", "type": "long", "doc": "milliseconds since 1970 UTC"},
            {"name": "item", "type": "string", "default": ""},
            *({"name": name, "type": ["null", _type(field.kind)], "default": None, "doc": field.about}
              for name, field in FIELDS.items()),
            {"name": "more", "type": {"type": "map", "values": [*_SCALARS, "bytes"]}, "default": {},
             "doc": "what Doorstep itself adds to an event"},
            {"name": "context", "type": _context(), "default": {}, "doc": "what the receiving side added"},
        ],
    }  # fmt: skip


def encode(event: Event) -> bytes:
    """The event in Avro's single-object encoding, by the current schema. Raises ValueError for what has no place."""
    id_, visitor, type_, time_ms, item, details, context = event
    row = {name: value for name, value in details.items() if name in FIELDS}
    if len(row) < len(details):
        row["more"] = {name: value for name, value in details.items() if name not in FIELDS}
    row |= {"id": id_, "visitor": visitor, "type": type_, "time_ms": time_ms, "item": item}
    row["context"] = context._asdict()
    writer = _writer()
    out = io.BytesIO()
    out.write(writer.header)
    fastavro.schemaless_writer(out, writer.schema, row)
    return out.getvalue()


def decode(value: bytes) -> Event:
    """What :func:`encode` made, with this or any schema kept. Raises :class:`BadInput` (``bad_record``)."""
    writer = _writers().get(value[:_HEADER])
    if writer is None:
        raise BadInput("bad_record", f"no Avro schema here has the fingerprint {value[len(MARK) : _HEADER].hex()}")
    try:
        rest = io.BytesIO(value)
        rest.seek(_HEADER)
        row: Any = fastavro.schemaless_reader(rest, writer.schema, _reader_for(writer))
        context = Context(**row["context"])
    except Exception as error:
        raise BadInput("bad_record", f"not an event: {str(error)[:100] or type(error).__name__}") from None
    details = {name: row[name] for name in FIELDS if row[name] is not None} | row["more"]
    return Event(row["id"], row["visitor"], row["type"], row["time_ms"], row["item"], details, context)


def header_of(definition: dict[str, Any]) -> bytes:
    """The ten bytes in front of every record written with the schema ``definition``."""
    return MARK + bytes.fromhex(fingerprint(to_parsing_canonical_form(definition), "CRC-64-AVRO"))


class _Written(NamedTuple):
    header: bytes
    schema: Any
    """As fastavro parsed it."""


@cache
def _writer() -> _Written:
    definition = schema()
    return _Written(header_of(definition), fastavro.parse_schema(definition))


@cache
def _writers() -> dict[bytes, _Written]:
    """Every schema that a record may have been written with, by its header."""
    kept = [json.loads(path.read_text("utf-8")) for path in sorted(SCHEMAS.glob("*.avsc"))]
    written = [_Written(header_of(definition), fastavro.parse_schema(definition)) for definition in kept]
    return {w.header: w for w in [*written, _writer()]}


def _reader_for(writer: _Written) -> Any:
    """None where reader and writer agree, which is faster."""
    return None if writer.header == _writer().header else _writer().schema


def _type(kind: str) -> Any:
    return _TYPES.get(kind) or {"type": "map", "values": _SCALARS}


def _context() -> dict[str, Any]:
    types = {str: "string", bool: "boolean", int: "long"}
    defaults = Context()._asdict()
    fields = [{"name": name, "type": types[type(value)], "default": value} for name, value in defaults.items()]
    return {"type": "record", "name": "Context", "fields": fields}
