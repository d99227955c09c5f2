"""Binds the WebAssembly kernel in edge/kernel/ to :class:`shared.kernels.Kernel`.

The kernel works on Python's own linear memory by address. All that it reads or writes besides the model are buffers
that live here, as long as the :class:`SimdKernel` does, and are never resized.
"""

from array import array
from collections.abc import Sequence
from itertools import chain
from struct import Struct
from typing import Any, NamedTuple, Protocol, Union

from shared.kernels import MAX_HISTORY, MAX_TOP, Candidate, Query, Term, pack
from shared.model import Model

Buffer = Union[bytearray, "array[int]"]


class Host(Protocol):
    """The JavaScript module ``_doorstep``; every argument but ``buffer`` is an address or a number."""

    def address(self, buffer: Buffer) -> int:
        """Where a writable buffer starts in linear memory."""

    def top(self, desk: int, allowed: int, k: int) -> int: ...

    def find(self, shelf: int, length: int) -> int: ...

    def show(self, shelf: int, count: int) -> int: ...

    def select(self, desk: int, column: int, ranges: int, count: int, inside: int, bitmap: int) -> None: ...


class Selection(NamedTuple):
    """Allowed items as a bitmap in whole 64-bit words, little-endian, zero beyond the last item."""

    bitmap: bytearray
    address: int


_MAX_NAMES = 256
_NAMES_BYTES = 16 * 1024
_PAGE_BYTES = 16 * 1024
_FOUND = Struct("<3i4x")  # item, score, cause, and a word that only the kernel uses


class SimdKernel:
    """Scores the model whose file starts at ``address``, which must be a multiple of 64, in linear memory."""

    def __init__(self, model: Model, address: int, host: Host) -> None:
        if address % 64:
            raise ValueError(f"a model must lie at a multiple of 64, not at {address}")
        self.model = model
        self._host, self._top = host, host.top
        self._at = {name: address + offset for name, offset in model.offsets.items()}
        self._buffers: list[Buffer] = []
        query, self._query = self._room(4 * (1 + 5 * MAX_HISTORY))
        result, self._result = self._room(_FOUND.size * MAX_TOP)
        self._packed = memoryview(query).cast("i")
        self._found = memoryview(result)
        self._desk = self._copy(array("I", self._layout()))
        self._find, self._show = host.find, host.show
        names, names_at = self._room(_NAMES_BYTES)
        found, found_at = self._room(4 * _MAX_NAMES)
        picks, picks_at = self._room(12 * MAX_TOP)
        self._names = memoryview(names)
        self._indices, self._picks = memoryview(found).cast("i"), memoryview(picks).cast("i")
        at, slots, scale = self._at, len(model.sections["ids.table"]), model.blend.score_scale
        texts = [at["ids.text"], at["ids.ends"], at["ids.table"], slots, at["cards.text"], at["cards.ends"], scale]
        self._shelf_fields = array("I", [*texts, self._query, names_at, found_at, picks_at, 0, 0])
        self._shelf = self._copy(self._shelf_fields)
        self._turn_page(_PAGE_BYTES)
        self._asked: Query | None = None
        self._all = self._everything()

    def find(self, ids: Sequence[str]) -> list[int]:
        """As :meth:`shared.kernels.Kernel.find`."""
        names = "\n".join(ids).encode()
        size = len(names)
        if len(ids) > _MAX_NAMES or size > len(self._names) or names.count(b"\n") != len(ids) - 1:
            return [self.model.find(i) for i in ids]
        self._names[:size] = names
        return self._indices[: self._find(self._shelf, size)].tolist()

    def top(self, query: Query, allowed: Selection | None, k: int) -> list[Candidate]:
        """As :meth:`shared.kernels.Kernel.top`."""
        self._ask(query)
        count = self._top(self._desk, (allowed or self._all).address, k)
        return list(_FOUND.iter_unpack(self._found[: count * _FOUND.size]))

    def show(self, query: Query, chosen: Sequence[Candidate]) -> str:
        """As :meth:`shared.kernels.Kernel.show`."""
        if query is not self._asked:
            self._ask(query)
        picks = array("i", chain.from_iterable(chosen))
        self._picks[: len(picks)] = picks
        while (size := self._show(self._shelf, len(chosen))) < 0:
            self._turn_page(2 * len(self._page))
        return str(self._page[:size], "utf-8")

    def select(self, terms: Sequence[Term]) -> Selection:
        """As :meth:`shared.kernels.Kernel.select`."""
        bitmap = bytearray(self._all.bitmap)
        address = self._host.address(bitmap)
        for term in terms:
            flat = array("i", [bound for span in term.ranges for bound in span] or [0])
            ranges, column = self._host.address(flat), self._at[f"column.{term.column}"]
            self._host.select(self._desk, column, ranges, len(term.ranges), int(term.inside), address)
        return Selection(bitmap, address)

    def _ask(self, query: Query) -> None:
        packed = pack(query)
        self._packed[: len(packed)] = packed
        self._asked = query

    def _turn_page(self, size: int) -> None:
        """A page of ``size`` bytes for answers to be written on."""
        page, address = self._room(size)
        self._page = memoryview(page)
        self._shelf_fields[-2:] = array("I", [address, size])

    def _layout(self) -> list[int]:
        """The fields of ``Desk`` in edge/kernel/kernel.ts, in their order."""
        model, at = self.model, self._at
        n, d, blend = model.items, model.dims, self.model.blend
        high = at["lists.high"] if len(model.sections["lists.high"]) else 0
        scalars = [n, d, blend.similarity, blend.popularity, *blend.votes]
        lists = [at["lists.ends"], at["lists.low"], high, at["lists.weights"]]
        scratch = [self._room(size)[1] for size in (8 * n, 4 * n, _words(n), 4 * d, 2 * d, 8 * MAX_TOP)]
        return [*scalars, at["embeddings"], *lists, at["bias"], self._query, *scratch, self._result]

    def _everything(self) -> Selection:
        n = self.model.items
        bitmap = bytearray(((1 << n) - 1).to_bytes(_words(n), "little"))
        return Selection(bitmap, self._host.address(bitmap))

    def _room(self, size: int) -> tuple[bytearray, int]:
        """Zeroed memory and its address."""
        room = bytearray(size)
        self._buffers.append(room)
        return room, self._host.address(room)

    def _copy(self, values: "array[int]") -> int:
        self._buffers.append(values)
        return self._host.address(values)


def make_simd_kernel(model: Model, address: int) -> SimdKernel:
    """A kernel on the host's ``_doorstep``, which exists only where the worker (or a test in its stead) offers it."""
    import _doorstep  # type: ignore[import-not-found]

    host: Any = _doorstep
    return SimdKernel(model, address, host)


def _words(items: int) -> int:
    """Bytes of a bitmap."""
    return -(-items // 64) * 8
