"""The origin's kernel: the formula of ``shared.kernels`` in numpy, bit for bit.

Two ideas make it quick. The lists are summed in dense accumulators as long as the catalogue, of which only the
touched places are read and cleared, so that a call costs in proportion to the lists and not to the catalogue. And one
int64 holds all that orders a candidate, so that one sort of plain integers ranks them::

    key = score << 32 | (INDEX_MASK - index) << 8 | cause + 1
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from origin.item_texts import ItemTexts
from shared.kernels import LIMIT, LISTED, Candidate, Query, Term
from shared.model import MISSING, Model
from shared.showing import quoted_id, show

Ints = npt.NDArray[np.int64]

_INDEX_MASK = (1 << 24) - 1
_VOTE = 1 << 40  # above any sum of parts, so that one addition counts the part and the vote
_SUM_MASK = _VOTE - 1
_LOWEST = -(2**31)
_CHUNK = 2048
"""Rows turned to float32 at a time: 0.5 MB at 64 dims stays in cache, and a scan then takes no longer than over a
float32 copy of all embeddings, which would be four times the memory."""


class Selection(NamedTuple):
    """What :meth:`NumpyKernel.select` returns: the same set twice, for looking up and for walking."""

    mask: npt.NDArray[np.bool_]
    """One per item of the catalogue."""
    items: npt.NDArray[np.intp]
    """The indices of those that are True, rising."""


class NumpyKernel:
    """Implements :class:`shared.kernels.Kernel`.

    Besides the model it holds 4 bytes per stored neighbour, and 32 bytes and a dictionary entry per item,
    and the texts of items that it has shown.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        s = model.sections
        self._index = {model.id(i): i for i in range(model.items)}
        self._ends = s["lists.ends"].tolist()
        self._edges = _edges(model)
        self._rows = np.asarray(s["embeddings"]).reshape(model.items, model.dims)
        self._bias = np.asarray(s["bias"])
        self._votes = np.array([0, *model.blend.votes], np.int64)
        self._total = np.zeros(model.items, np.int64)
        self._best = np.zeros(model.items, np.int64)
        self._written = np.zeros(model.items, np.intp)
        self._positions = np.arange(1024)
        self._cards = ItemTexts(model.card)
        self._names = ItemTexts(partial(quoted_id, model))
        self._floats = np.empty((min(_CHUNK, model.items), model.dims), np.float32)

    def find(self, ids: Sequence[str]) -> list[int]:
        """See :meth:`shared.kernels.Kernel.find`."""
        index = self._index
        return [index.get(i, -1) for i in ids]

    def top(self, query: Query, allowed: Selection | None, k: int) -> list[Candidate]:
        """See :meth:`shared.kernels.Kernel.top`."""
        keys = self._listed(query, allowed)
        if len(keys) < k:
            keys = np.concatenate((keys, self._unlisted(query, allowed, _items(keys), k - len(keys))))
        keys.sort()
        best = keys[: -k - 1 : -1]
        parts = zip(_items(best).tolist(), (best >> 32).tolist(), ((best & 255) - 1).tolist(), strict=True)
        return list(parts)

    def show(self, query: Query, chosen: Sequence[Candidate]) -> str:
        """See :meth:`shared.kernels.Kernel.show`."""
        card, quoted = self._cards.__getitem__, self._names.__getitem__
        return show(self.model, query.items, chosen, card=card, quoted=quoted)

    def select(self, terms: Sequence[Term]) -> Selection:
        """The items that satisfy every term."""
        mask = np.ones(self.model.items, np.bool_)
        for term in terms:
            values = np.asarray(self.model.sections[f"column.{term.column}"])
            inside = np.zeros(self.model.items, np.bool_)
            for low, high in term.ranges:
                inside |= (values >= low) & (values <= high)
            inside &= values != MISSING
            mask &= inside if term.inside else ~inside
        return Selection(mask, np.flatnonzero(mask))

    def _listed(self, query: Query, allowed: Selection | None) -> Ints:
        """Keys, in no order, of the allowed items that a list names or that are in the history."""
        r = len(query.items)
        if not r:
            return np.empty(0, np.int64)
        ends, total, best, written = self._ends, self._total, self._best, self._written
        spans = [self._edges[ends[x] : ends[x + 1]] for x in query.items]
        edges = np.concatenate(spans)
        # The history itself comes last: below, the last mention of an item stands for it, so its items end the result.
        mentioned = np.empty(len(edges) + r, np.intp)
        named = mentioned[:-r]
        np.right_shift(edges, 8, out=named)
        mentioned[-r:] = query.items
        q = (edges & 255).astype(np.int64)
        lists = np.repeat([w << 5 | 31 - t for t, w in enumerate(query.weights)], [len(s) for s in spans])
        part = (lists >> 5) * q * q >> 8
        np.add.at(total, named, part + _VOTE)
        np.maximum.at(best, named, (part << 5) + (lists & 31))

        positions = self._count(len(mentioned))
        written[mentioned] = positions
        items = mentioned[written[mentioned] == positions]
        sums, newest = total[items], best[items]
        total[items] = 0
        best[items] = 0
        scores = np.minimum((sums & _SUM_MASK) * self._votes.take(sums >> 40, mode="clip") >> 8, _LIMIT)
        own = zip(scores[-r:].tolist(), query.revisits, strict=True)
        scores[-r:] = [min((score * mul >> 8) + add, LIMIT) for score, (mul, add) in own]
        newest[-r:] = _NEWEST_FIRST[:r]

        # cause + 1 = 32 - (newest & 31); the constant parts of the key's three fields are added at once
        keys: Ints = (scores << 32) - (items << 8) - (newest & 31) + ((LISTED << 32) + (_INDEX_MASK << 8) + 32)
        return keys if allowed is None else keys[allowed.mask[items]]

    def _count(self, size: int) -> npt.NDArray[np.intp]:
        """0, 1, ... size - 1."""
        if size > len(self._positions):
            self._positions = np.arange(2 * size)
        return self._positions[:size]

    def _unlisted(self, query: Query, allowed: Selection | None, listed: Ints, k: int) -> Ints:
        """Keys of the ``k`` best allowed items outside ``listed``, in no order; all of them if there are fewer."""
        n = self.model.items
        if allowed is None or 2 * len(allowed.items) > n:  # gathering more than half the rows costs more than all
            scores = self._scan(query, None)
            scores[listed] = _LOWEST
            if allowed is not None:
                scores[~allowed.mask] = _LOWEST
            found = _best(scores, min(k, (n if allowed is None else len(allowed.items)) - len(listed)))
            return _keys(scores[found], found)
        scores = self._scan(query, allowed.items)
        scores[np.searchsorted(allowed.items, listed)] = _LOWEST
        found = _best(scores, min(k, len(allowed.items) - len(listed)))
        return _keys(scores[found], allowed.items[found])

    def _scan(self, query: Query, items: npt.NDArray[np.intp] | None) -> npt.NDArray[np.int32]:
        """Scores as unlisted items of all items, or of ``items``: int32, in their order.

        The products are made in float32 and are exact all the same: the embeddings are int8, the vector's entries
        lie within 127, so at the most 256 dims no partial sum reaches 2**24.
        """
        n = self.model.items if items is None else len(items)
        blend, vector = self.model.blend, self._vector(query)
        bias = self._bias if items is None else self._bias[items]
        scores = bias.astype(np.int32) * blend.popularity
        if not vector.any():
            return scores
        products = np.empty(n, np.float32)
        for start in range(0, n, _CHUNK):
            end = min(start + _CHUNK, n)
            rows = self._floats[: end - start]
            rows[:] = self._rows[start:end] if items is None else self._rows[items[start:end]]
            np.dot(rows, vector, out=products[start:end])
        scores += products.astype(np.int32) * blend.similarity >> 8
        return scores

    def _vector(self, query: Query) -> npt.NDArray[np.float32]:
        """The visitor's vector: whole numbers from -127 to 127."""
        if not query.items:
            return np.zeros(self.model.dims, np.float32)
        sums = np.array(query.recall, np.int64) @ self._rows[list(query.items)].astype(np.int64)
        size = np.abs(sums)
        vector: npt.NDArray[np.int64] = np.sign(sums) * (size * 127 // max(int(size.max()), 1))
        return vector.astype(np.float32)


_LIMIT = np.int64(LIMIT)
_NEWEST_FIRST = np.arange(31, -1, -1)
"""Added to a part so that of equal parts the newest list's is the largest."""


def _edges(model: Model) -> npt.NDArray[np.uint32]:
    """All stored neighbours, item index and weight byte in one number: ``index << 8 | q``."""
    low, high, q = (np.asarray(model.sections[f"lists.{name}"]) for name in ("low", "high", "weights"))
    edges: npt.NDArray[np.uint32] = low.astype(np.uint32) << 8 | q
    if len(high):
        edges |= high.astype(np.uint32) << 24
    return edges


def _keys(scores: npt.NDArray[np.integer], items: npt.NDArray[np.intp]) -> Ints:
    """Sortable keys without a cause."""
    return (scores.astype(np.int64) << 32) + (_INDEX_MASK - items << 8)


def _items(keys: Ints) -> Ints:
    return _INDEX_MASK - (keys >> 8 & _INDEX_MASK)


def _best(scores: npt.NDArray[np.int32], k: int) -> npt.NDArray[np.intp]:
    """Places of the ``k`` highest scores and of all that equal the lowest of these."""
    if k < 1:
        return np.empty(0, np.intp)
    threshold = np.partition(scores, len(scores) - k)[len(scores) - k]
    return np.flatnonzero(scores >= threshold)
