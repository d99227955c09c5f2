"""Answers many questions at once from a model's own integers, bit for bit as shared.kernels.PythonKernel does."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from origin.training.arrays import Ints, Longs
from origin.training.expand import Entries, expand
from origin.training.sessions import Questions
from shared.blend import HISTORY
from shared.kernels import LIMIT, LISTED
from shared.model import Model

_BLOCK = 2048  # questions answered together
_CELLS = 1 << 23  # question x item scores held at a time while places are filled


class Answers(NamedTuple):
    """The best ``k`` items of each question, best first; -1 and score 0 where there are fewer."""

    items: Ints
    scores: Longs


class BatchKernel:
    """The model's sections as numpy arrays, and the scoring formula over blocks of questions."""

    def __init__(self, model: Model) -> None:
        s = model.sections
        self.items, self.dims, self.blend = model.items, model.dims, model.blend
        self.ends = np.frombuffer(s["lists.ends"], np.uint32).astype(np.int64)
        self.neighbours = np.frombuffer(s["lists.low"], np.uint16).astype(np.int64)
        if len(s["lists.high"]):
            self.neighbours |= np.frombuffer(s["lists.high"], np.uint8).astype(np.int64) << 16
        self.weights = np.frombuffer(s["lists.weights"], np.uint8).astype(np.int64)
        self.scales = np.frombuffer(s["lists.scales"], np.uint16).astype(np.int64)
        self.rows = np.frombuffer(s["embeddings"], np.int8).reshape(self.items, self.dims)
        self.bias = np.frombuffer(s["bias"], np.uint8).astype(np.int64)

    def answer(self, questions: Questions, k: int, mask: str = "none") -> Answers:
        """The top ``k`` for each question. Masked items (see expand.MASKS) are left out."""
        items = np.full((questions.size, k), -1, np.int32)
        scores = np.zeros((questions.size, k), np.int64)
        for start in range(0, questions.size, _BLOCK):
            block = questions.take(slice(start, start + _BLOCK))
            entries = expand(self.ends, self.neighbours, block, self.items, mask)
            found = _best_listed(entries, self._listed(entries, block), block.size, k)
            short = np.flatnonzero(found.items[:, -1] < 0)
            for rows, listed in self._portions(short, entries):
                self._fill(block, found, rows, listed, mask)
            items[start : start + block.size], scores[start : start + block.size] = found
        return Answers(items, scores)

    def _listed(self, entries: Entries, questions: Questions) -> Longs:
        """The score of every candidate that a list names or the history holds."""
        blend = self.blend
        first = len(entries.edges)
        weights, mul, add = self._query(questions)
        q = self.weights[entries.edges]
        part = weights[entries.question[:first], entries.place[:first]] * q * q >> 8
        total = np.bincount(entries.group[:first], part, minlength=len(entries.owners)).astype(np.int64)
        votes = np.array(blend.votes, np.int64)[np.clip(entries.votes, 1, 5) - 1]
        scores: Longs = np.minimum(total * votes >> 8, LIMIT)
        own, at = entries.group[first:], (entries.question[first:], entries.place[first:])
        scores[own] = np.minimum((scores[own] * mul[at] >> 8) + add[at], LIMIT)
        scores += LISTED
        return scores

    def _query(self, questions: Questions) -> tuple[Longs, Longs, Longs]:
        """(weights, mul, add), questions x 20, as shared.scoring.query computes them."""
        blend = self.blend
        more = np.maximum(questions.counts.astype(np.int64) - 1, 0)
        clicks, distinct = questions.clicks.astype(np.int64), questions.distinct.astype(np.int64)
        returns = (256 + blend.variety * (clicks - distinct) // np.maximum(clicks, 1))[:, None]
        shrink = np.array(blend.shrink, np.int64)[np.maximum(distinct, 1) - 1][:, None]
        weight = np.array(blend.position, np.int64) * np.maximum(256 + blend.repeat * more, 0) >> 8
        keep = np.array(blend.keep, np.int64) * np.maximum(256 + blend.keep_repeat * more, 0) >> 8
        again = np.array(blend.again, np.int64) * np.maximum(256 + blend.again_repeat * more, 0) >> 8
        return (
            np.minimum(weight * self.scales[questions.items] >> 12, 65535),
            np.minimum(keep * returns >> 8, 65535),
            np.minimum((again * shrink >> 12) * returns >> 8, LIMIT),
        )

    def vectors(self, questions: Questions, recall: Longs | None = None) -> Longs:
        """The visitors' vectors, questions x dims; ``recall`` stands in for the blend's own weights."""
        sums = np.zeros((questions.size, self.dims), np.int64)
        weights = np.array(self.blend.recall, np.int64) if recall is None else recall
        for t in range(HISTORY):
            present = questions.items[:, t] >= 0
            sums[present] += weights[t] * self.rows[questions.items[present, t]].astype(np.int64)
        largest = np.abs(sums).max(axis=1, keepdims=True)
        vectors: Longs = np.sign(sums) * (np.abs(sums) * 127 // np.maximum(largest, 1))
        return vectors

    def dots(self, vectors: Longs) -> Longs:
        """``vectors`` times all item vectors. Exact in float32: every sum stays below 2 ** 24."""
        products = vectors.astype(np.float32) @ self.rows.T.astype(np.float32)
        return products.astype(np.int64)

    def _portions(self, short: Longs, entries: Entries) -> Iterator[tuple[Longs, Longs]]:
        """Questions to fill, few enough at a time, each time with their candidates as (row * items + item)."""
        size = max(_CELLS // self.items, 1)
        for start in range(0, len(short), size):
            rows = short[start : start + size]
            inside = np.isin(entries.owners, rows)
            at = np.searchsorted(rows, entries.owners[inside])
            yield rows, at * self.items + entries.candidates[inside]

    def _fill(self, questions: Questions, found: Answers, rows: Longs, listed: Longs, mask: str) -> None:
        """Put the best unlisted items into the empty places of ``rows``."""
        asked = questions.take(rows)
        scores = (self.dots(self.vectors(asked)) * self.blend.similarity >> 8) + self.bias * self.blend.popularity
        keys = (scores << 24) - np.arange(self.items)  # distinct: ties in score go to the lower item
        out = np.iinfo(np.int64).min
        keys.reshape(-1)[listed] = out
        if mask != "none":
            hidden = asked.items if mask == "seen" else asked.items[:, :1]
            at, place = np.nonzero(hidden >= 0)
            keys[at, hidden[at, place]] = out
        k = min(found.items.shape[1], self.items)
        best = np.argpartition(-keys, k - 1, axis=1)[:, :k] if k < self.items else np.tile(np.arange(k), (len(rows), 1))
        best = np.take_along_axis(best, np.argsort(-np.take_along_axis(keys, best, 1), axis=1), 1)
        for row, choice, key, score in zip(rows, best, keys, scores, strict=True):
            empty = np.flatnonzero(found.items[row] < 0)
            usable = choice[key[choice] != out][: len(empty)]
            found.items[row, empty[: len(usable)]] = usable
            found.scores[row, empty[: len(usable)]] = score[usable]


def _best_listed(entries: Entries, scores: Longs, count: int, k: int) -> Answers:
    """Each question's ``k`` best candidates. Candidates are sorted by item, so a stable sort breaks ties rightly."""
    order = np.argsort((entries.owners << 32) - scores, kind="stable")
    owners = entries.owners[order]
    places = np.arange(len(order)) - np.searchsorted(owners, np.arange(count))[owners]
    kept = places < k
    items = np.full((count, k), -1, np.int32)
    best = np.zeros((count, k), np.int64)
    items[owners[kept], places[kept]] = entries.candidates[order][kept]
    best[owners[kept], places[kept]] = scores[order][kept]
    return Answers(items, best)
