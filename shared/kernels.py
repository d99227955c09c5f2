"""The heavy part of scoring: what a kernel does, and the pure-Python reference that is its specification.

All arithmetic is on integers, with ``>>`` rounding towards minus infinity, so that every kernel gives the same bits.
For a query over history items ``x_0`` (newest) ... ``x_{r-1}``, all distinct, and an item ``j``::

    part_t(j)  = (weights[t] * q(x_t, j) ** 2) >> 8      where x_t's list names j with weight byte q, else nothing
    lists(j)   = SUM part_t(j)
    lists(j)   = min((lists(j) * votes[min(number of lists naming j, 5) - 1]) >> 8, LIMIT)
    lists(j)   = min(((lists(j) * mul_t) >> 8) + add_t, LIMIT)          if j is x_t
    vector     = SUM recall[t] * embedding(x_t), scaled so that its largest magnitude is 127, rounded towards zero
    score(j)   = LISTED + lists(j)                                       if a list names j, or j is in the history
               = ((vector . embedding(j) * similarity) >> 8) + bias(j) * popularity          otherwise

A listed item always beats an unlisted one, because LISTED exceeds every score of the second kind. A kernel may
therefore skip the scan over the whole catalogue once the lists alone give k allowed items.
"""

from array import array
from collections.abc import Sequence
from heapq import nlargest
from typing import Any, NamedTuple, Protocol

from shared.model import MISSING, Model
from shared.showing import show

LISTED = 1 << 21
LIMIT = (1 << 30) - 1
MAX_HISTORY = 20
MAX_TOP = 1024
NO_CAUSE = -1


class Query(NamedTuple):
    """What a kernel is asked: distinct history items, newest first, at most :data:`MAX_HISTORY`, and their integers."""

    items: Sequence[int]
    weights: Sequence[int]
    """u16 each: how much x_t's list counts."""
    revisits: Sequence[tuple[int, int]]
    """(mul, add) each, 0 <= mul < 2**16, 0 <= add < 2**30: what becomes of x_t's own score."""
    recall: Sequence[int]
    """u8 each: x_t's share in the visitor's vector."""


Candidate = tuple[int, int, int]
"""One item that a kernel found: (item, score, cause). ``cause`` is the position in ``Query.items`` that brought it, or
NO_CAUSE. A plain tuple, because a named one costs more to make than all the rest of ranking it."""


class Term(NamedTuple):
    """One condition: the column's value lies in one of ``ranges`` (inclusive), or in none if ``inside`` is False."""

    column: str
    ranges: tuple[tuple[int, int], ...]
    inside: bool


class Kernel(Protocol):
    """Scores one model. Not thread-safe: a kernel may keep scratch memory."""

    model: Model

    def find(self, ids: Sequence[str]) -> Sequence[int]:
        """The index of the item called each of ``ids``, or -1."""

    def top(self, query: Query, allowed: Any, k: int) -> Sequence[Candidate]:
        """The ``k`` best items (1 <= k <= MAX_TOP), best first, ties by lower item index.

        ``allowed`` is what :meth:`select` of this same kernel returned, or None for the whole catalogue.
        """

    def show(self, query: Query, chosen: Sequence[Candidate]) -> str:
        """``chosen`` as :func:`shared.showing.show` writes it; the causes are positions in ``query``."""

    def select(self, terms: Sequence[Term]) -> Any:
        """The items that satisfy every term, in a form of this kernel's own."""


class PythonKernel:
    """The reference. Reads like the formula above; about a second for a scan over 100,000 items."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def find(self, ids: Sequence[str]) -> list[int]:
        return [self.model.find(i) for i in ids]

    def top(self, query: Query, allowed: bytes | None, k: int) -> list[Candidate]:
        lists, causes = self._lists(query)
        vector = self._vector(query)

        def score(item: int) -> int:
            return LISTED + lists[item] if item in lists else self._unlisted(item, vector)

        items = (i for i in range(self.model.items) if allowed is None or allowed[i >> 3] >> (i & 7) & 1)
        best = nlargest(k, ((score(i), -i) for i in items))
        return [(-i, s, causes.get(-i, NO_CAUSE)) for s, i in best]

    def show(self, query: Query, chosen: Sequence[Candidate]) -> str:
        return show(self.model, query.items, chosen)

    def select(self, terms: Sequence[Term]) -> bytes:
        """A bitmap: item i is bit i % 8 of byte i // 8."""
        bitmap = bytearray(-(-self.model.items // 8))
        columns = [(self.model.sections[f"column.{t.column}"], t) for t in terms]
        for i in range(self.model.items):
            if all(inside(values[i], term) for values, term in columns):
                bitmap[i >> 3] |= 1 << (i & 7)
        return bytes(bitmap)

    def _lists(self, query: Query) -> tuple[dict[int, int], dict[int, int]]:
        """(listed item -> lists(j), listed item -> cause): the largest part, the newest of equals, oneself first."""
        s = self.model.sections
        ends, low, high, q = s["lists.ends"], s["lists.low"], s["lists.high"], s["lists.weights"]
        total: dict[int, int] = {}
        votes: dict[int, int] = {}
        best: dict[int, tuple[int, int]] = {}
        for t, (x, weight) in enumerate(zip(query.items, query.weights, strict=True)):
            for e in range(ends[x], ends[x + 1]):
                j = low[e] | (high[e] << 16 if len(high) else 0)
                part = (weight * q[e] * q[e]) >> 8
                total[j] = total.get(j, 0) + part
                votes[j] = votes.get(j, 0) + 1
                best[j] = max(best.get(j, (-1, 0)), (part, -t))
        lists = {j: min((v * self.model.blend.votes[min(votes[j], 5) - 1]) >> 8, LIMIT) for j, v in total.items()}
        causes = {j: -t for j, (_, t) in best.items()}
        for t, (x, (mul, add)) in enumerate(zip(query.items, query.revisits, strict=True)):
            lists[x] = min(((lists.get(x, 0) * mul) >> 8) + add, LIMIT)
            causes[x] = t
        return lists, causes

    def _vector(self, query: Query) -> list[int]:
        d, rows = self.model.dims, self.model.sections["embeddings"]
        sums = [sum(r * rows[x * d + c] for x, r in zip(query.items, query.recall, strict=True)) for c in range(d)]
        largest = max(map(abs, sums))
        if not largest:
            return sums
        return [v * 127 // largest if v >= 0 else -(-v * 127 // largest) for v in sums]

    def _unlisted(self, item: int, vector: Sequence[int]) -> int:
        d = self.model.dims
        row = self.model.sections["embeddings"][item * d : (item + 1) * d]
        dot = sum(a * b for a, b in zip(vector, row, strict=True))
        blend = self.model.blend
        return ((dot * blend.similarity) >> 8) + self.model.sections["bias"][item] * blend.popularity


def inside(value: int, term: Term) -> bool:
    """Whether a column's ``value`` satisfies ``term``. A missing value lies in no range."""
    return any(lo <= value <= hi for lo, hi in term.ranges if value != MISSING) is term.inside


def pack(query: Query) -> "array[int]":
    """The query as int32: count, then per history item its index, weight, mul, add, recall.

    This is the form that crosses into a kernel that is not Python.
    """
    flat = [len(query.items)]
    for item, weight, (mul, add), recall in zip(*query, strict=True):
        flat += (item, weight, mul, add, recall)
    return array("i", flat)
