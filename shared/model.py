"""The model artifact: one immutable file that is opened without copying a byte.

::

    offset 0    prelude, 64 bytes: magic, format, header length, file length, SHA-256 of all that follows
    offset 64   header: msgpack map (see :class:`Header` keys below), zero-padded
    then        sections, each starting at a multiple of 64 bytes, zero-padded, little-endian

Sections, for ``n`` items, ``d`` dims and ``e`` stored neighbours:

==================  ======  ========  =====================================================================
``ids.text``        u8                item ids, UTF-8, one after another
``ids.ends``        u32     n + 1     where each id starts and ends in ``ids.text``
``ids.table``       u32     2**b      open-addressing hash table: CRC-32 of the id -> item index + 1, 0 = empty
``cards.text``      u8                what an answer says of each item: JSON object text without braces, the id first
``cards.ends``      u32     n + 1
``embeddings``      i8      n * d     item vectors, row by row
``lists.ends``      u32     n + 1     neighbour lists (compressed sparse rows)
``lists.low``       u16     e         neighbour's item index, low 16 bits
``lists.high``      u8      e or 0    neighbour's item index, bits 16-23; empty when n <= 65536
``lists.weights``   u8      e         q: the neighbour's weight is scale * (q / 255) ** 2
``lists.scales``    u16     n         row scale
``bias``            u8      n         popularity
``column.NAME``     i32     n         a filter field: a number in units of 1 / scale, or a keyword's code
==================  ======  ========  =====================================================================

A model is named ``<version>-<first 12 hex digits of the hash>``; no two different files share a name.
"""

import hashlib
import json
import struct
import zlib
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgpack

from shared.blend import Blend, read_blend
from shared.errors import BadModel

MAGIC = b"DOORSTEP"
FORMAT = 1
ALIGN = 64
MISSING = -(2**31)
"""The value of a number column where an item has none."""

_PRELUDE = struct.Struct("<8sHHIQ32s8x")  # magic, format, zero, header bytes, file bytes, sha256, padding
_DTYPES: dict[str, Literal["B", "b", "H", "I", "i"]] = {"u8": "B", "i8": "b", "u16": "H", "u32": "I", "i32": "i"}
_REQUIRED = {
    "ids.text": "u8",
    "ids.ends": "u32",
    "ids.table": "u32",
    "cards.text": "u8",
    "cards.ends": "u32",
    "embeddings": "i8",
    "lists.ends": "u32",
    "lists.low": "u16",
    "lists.high": "u8",
    "lists.weights": "u8",
    "lists.scales": "u16",
    "bias": "u8",
}
MAX_ITEMS = 1 << 24


class Model:
    """A model file held in memory; every section is a view into the one buffer it was opened from.

    ``offsets[name]`` is a section's byte offset from the start of the buffer, for kernels that work on addresses.
    """

    __slots__ = (
        "_cards",
        "_ends",
        "_ids",
        "_mask",
        "_spans",
        "_table",
        "about",
        "blend",
        "buffer",
        "columns",
        "dims",
        "items",
        "name",
        "offsets",
        "sections",
        "version",
    )

    def __init__(self, buffer: memoryview, digest: str, header: Mapping[str, Any]) -> None:
        self.buffer = buffer
        self.version: str = header["version"]
        self.name = f"{self.version}-{digest[:12]}"
        self.items: int = header["items"]
        self.dims: int = header["dims"]
        self.blend = read_blend(header["blend"], self.dims)
        self.columns: Mapping[str, Mapping[str, Any]] = header["columns"]
        self.about: Mapping[str, Any] = header["about"]
        self.offsets: dict[str, int] = {}
        self.sections: dict[str, memoryview] = {}
        for name, dtype, offset, count in header["sections"]:
            code = _DTYPES[dtype]
            self.offsets[name] = offset
            self.sections[name] = buffer[offset : offset + count * struct.calcsize(code)].cast(code)
        self._ids, self._ends = self.sections["ids.text"], self.sections["ids.ends"]
        self._cards, self._spans = self.sections["cards.text"], self.sections["cards.ends"]
        self._table = self.sections["ids.table"]
        self._mask = len(self._table) - 1

    def id(self, index: int) -> str:
        """The id of item ``index``."""
        return str(self._ids[self._ends[index] : self._ends[index + 1]], "utf-8")

    def card(self, index: int) -> str:
        """What an answer says of item ``index``: JSON text such as ``"id":"85123A","title":"Lantern","price":3.39``."""
        return str(self._cards[self._spans[index] : self._spans[index + 1]], "utf-8")

    def find(self, item: str) -> int:
        """The index of the item called ``item``, or -1."""
        key = item.encode()
        table, ends, mask = self._table, self._ends, self._mask
        slot = zlib.crc32(key) & mask
        while entry := table[slot]:
            if self._ids[ends[entry - 1] : ends[entry]] == key:
                return entry - 1
            slot = (slot + 1) & mask
        return -1


def card(item: str, members: str = "") -> bytes:
    """The card of the item called ``item``; ``members`` is JSON object text without braces, to be shown with it."""
    return f'"id":{json.dumps(item, ensure_ascii=False)}{"," if members else ""}{members}'.encode()


def table(ids: Sequence[bytes]) -> "array[int]":
    """The hash table over ``ids`` as :meth:`Model.find` reads it: at most half full, linear probing."""
    size = 1 << max(1, (2 * len(ids) - 1).bit_length())
    slots = array("I", bytes(4 * size))
    for index, key in enumerate(ids):
        slot = zlib.crc32(key) & (size - 1)
        while slots[slot]:
            slot = (slot + 1) & (size - 1)
        slots[slot] = index + 1
    return slots


def write(
    *,
    version: str,
    items: int,
    dims: int,
    blend: Blend,
    columns: Mapping[str, Mapping[str, Any]],
    about: Mapping[str, Any],
    sections: Mapping[str, tuple[str, Any]],
) -> bytes:
    """Lay out a model file. ``sections`` maps a name to (dtype, anything with the buffer protocol, little-endian)."""
    entries: list[tuple[str, str, int, int]] = []
    blobs: list[memoryview] = []
    for name, (dtype, data) in sections.items():
        view = memoryview(data)
        blob = view.cast("B") if view.nbytes else memoryview(b"")
        entries.append((name, dtype, 0, blob.nbytes // struct.calcsize(_DTYPES[dtype])))
        blobs.append(blob)

    def header(start: int) -> bytes:
        at = start
        placed = []
        for (name, dtype, _, count), blob in zip(entries, blobs, strict=True):
            placed.append((name, dtype, at, count))
            at += _padded(blob.nbytes)
        packed: bytes = msgpack.packb(
            {
                "version": version,
                "items": items,
                "dims": dims,
                "blend": blend._asdict(),
                "columns": {k: dict(v) for k, v in columns.items()},
                "about": dict(about),
                "sections": placed,
            }
        )
        return packed

    start = _PRELUDE.size
    while (grown := _padded(_PRELUDE.size + len(header(start)))) != start:  # offsets change the header's own length
        start = grown
    head = header(start)
    parts = [head, bytes(start - _PRELUDE.size - len(head))]
    for blob in blobs:
        parts += (blob.tobytes(), bytes(_padded(blob.nbytes) - blob.nbytes))
    body = b"".join(parts)
    size = _PRELUDE.size + len(body)
    prelude = _PRELUDE.pack(MAGIC, FORMAT, 0, len(head), size, hashlib.sha256(body).digest())
    return prelude + body


def open_model(data: bytes | bytearray | memoryview, *, verify: bool = True) -> Model:
    """Open a model file held in ``data``, which must stay alive and unchanged as long as the model.

    ``verify=False`` skips the hash, for bytes that were verified before.
    Raises :class:`BadModel` for anything that is not exactly a file :func:`write` made.
    """
    view = memoryview(data).toreadonly()
    if len(view) < _PRELUDE.size:
        raise BadModel("model_truncated", f"a model has at least {_PRELUDE.size} bytes, this has {len(view)}")
    magic, fmt, zero, head, size, digest = _PRELUDE.unpack(view[: _PRELUDE.size])
    if magic != MAGIC:
        raise BadModel("model_not_ours", "the file does not start with the bytes of a Doorstep model")
    if fmt != FORMAT:
        raise BadModel("model_format", f"the file has format {fmt}; this program reads format {FORMAT}")
    if size != len(view):
        raise BadModel("model_truncated", f"the file says it has {size} bytes, but {len(view)} are here")
    if zero or any(view[_PRELUDE.size - 8 : _PRELUDE.size]) or _PRELUDE.size + head > size:
        raise BadModel("model_altered", "the first 64 bytes are not those of a model")
    if verify and hashlib.sha256(view[_PRELUDE.size :]).digest() != digest:
        raise BadModel("model_altered", "the content does not match the hash in the file")
    try:
        header = msgpack.unpackb(view[_PRELUDE.size : _PRELUDE.size + head])
        model = Model(view, digest.hex(), header)
        _check(model)
    except BadModel:
        raise
    except Exception as error:
        raise BadModel("model_inconsistent", f"the header does not describe a model: {error!r}") from error
    return model


def _padded(size: int) -> int:
    return -(-size // ALIGN) * ALIGN


def _check(model: Model) -> None:
    """Lengths that every reader relies on. O(1) in the number of items, so that it can run at every start."""
    n, s = model.items, model.sections

    def need(holds: bool, what: str) -> None:
        if not holds:
            raise BadModel("model_inconsistent", what)

    need(0 < n <= MAX_ITEMS, f"a model has 1 to {MAX_ITEMS} items, not {n}")
    need(model.dims % 16 == 0 and 0 < model.dims <= 256, f"dims must be a multiple of 16 up to 256, not {model.dims}")
    for name, dtype in _REQUIRED.items():
        need(name in s and s[name].format == _DTYPES[dtype], f"section {name} of type {dtype} is missing")
    for name in ("ids", "cards", "lists"):
        text = s["lists.low"] if name == "lists" else s[f"{name}.text"]
        ends = s[f"{name}.ends"]
        need(len(ends) == n + 1 and ends[0] == 0 and ends[n] == len(text), f"{name}.ends does not fit {n} items")
    edges = len(s["lists.low"])
    need(len(s["embeddings"]) == n * model.dims, "embeddings do not fit items x dims")
    need(len(s["lists.weights"]) == edges, "lists.weights does not fit lists.low")
    need(len(s["lists.high"]) == (edges if n > 65536 else 0), "lists.high does not fit the number of items")
    need(len(s["lists.scales"]) == n and len(s["bias"]) == n, "scales or bias do not fit the number of items")
    slots = len(s["ids.table"])
    need(slots & (slots - 1) == 0 and slots > n, "ids.table is not a power of two above the number of items")
    for name in model.columns:
        need(len(s[f"column.{name}"]) == n, f"column {name} does not fit the number of items")
    need(all(offset % ALIGN == 0 for offset in model.offsets.values()), "a section is not aligned")


def audit(model: Model) -> None:
    """Walk everything: stored indices point at items, spans run forward, cards hold ids. O(n); run before publishing.

    Raises :class:`BadModel`. A file that passed once needs no second audit: its hash vouches for it.
    """
    n, s = model.items, model.sections
    for name in ("ids.ends", "cards.ends", "lists.ends"):
        spans = s[name].tolist()
        if any(map(int.__gt__, spans, spans[1:])):
            raise BadModel("model_inconsistent", f"{name} runs backwards")
    low, high = s["lists.low"], s["lists.high"]
    neighbours = (lo + (hi << 16) for lo, hi in zip(low, high, strict=True)) if len(high) else iter(low)
    if (last := max(neighbours, default=0)) >= n:
        raise BadModel("model_inconsistent", f"a neighbour list names item {last} of {n}")
    for item in range(n):
        if not model.card(item).startswith(card(model.id(item)).decode()):
            raise BadModel("model_inconsistent", f"the card of item {item} does not begin with its id")
    if max(s["ids.table"]) > n:
        raise BadModel("model_inconsistent", "ids.table names an item that is not there")
