"""Asks recorded questions again under other scalars, in floats and fast: the inner loop of the fit.

The formula is that of shared.scoring and shared.kernels without their rounding. What does not depend on the scalars is
laid out once; an evaluation is then two sparse products, a few assignments and one comparison per candidate.
"""

import numpy as np
from scipy.sparse import csr_array

from origin.training.arrays import Floats, Longs, Singles, Sparse
from origin.training.expand import expand
from origin.training.sessions import Questions
from origin.training.settings import Scalars
from shared.blend import HISTORY

_WORST = np.iinfo(np.int64).max


class Replay:
    """Questions laid out over lists. Memory: about 20 bytes per stored neighbour of every history item."""

    def __init__(self, lists: Sparse, questions: Questions, mask: str = "none") -> None:
        self.questions = questions
        entries = expand(lists.indptr, lists.indices, questions, lists.shape[0], mask)
        values = np.concatenate([lists.data[entries.edges], np.zeros(entries.revisits, np.float32)])
        groups = len(entries.owners)
        self._owners = entries.owners
        self._bounds = np.searchsorted(entries.owners, np.arange(questions.size + 1))
        self._lists: Sparse = csr_array((values, (entries.group, entries.place)), shape=(groups, HISTORY))
        more = questions.counts[entries.question, entries.place] - 1
        some = more > 0
        self._repeats: Sparse = csr_array(
            (values[some] * more[some], (entries.group[some], entries.place[some])), shape=(groups, HISTORY)
        )
        self._further = np.clip(entries.votes - 1, 0, 4).astype(np.float32)
        self._own = entries.group[len(entries.edges) :]
        owner, self._own_place = entries.question[len(entries.edges) :], entries.place[len(entries.edges) :]
        self._own_more = (questions.counts[owner, self._own_place] - 1).astype(np.float32)
        self._own_distinct = questions.distinct[owner].astype(np.float32)
        self._own_returns = (1 - questions.distinct[owner] / questions.clicks[owner]).astype(np.float32)
        self._target = entries.find(questions.targets)

    def scores(self, scalars: Scalars) -> Singles:
        """The score of every candidate."""
        position = spread(scalars.position)
        scores = self._lists @ position
        if scalars.repeat:
            scores += np.float32(scalars.repeat) * (self._repeats @ position)
        if scalars.votes:
            scores *= 1 + np.float32(scalars.votes) * self._further
        keep = spread(scalars.keep)[self._own_place] * (1 + np.float32(scalars.keep_repeat) * self._own_more)
        again = spread(scalars.again)[self._own_place] * (1 + np.float32(scalars.again_repeat) * self._own_more)
        again *= self._own_distinct ** np.float32(-scalars.shrink)
        scores[self._own] = (scores[self._own] * keep + again) * (1 + np.float32(scalars.variety) * self._own_returns)
        return scores.astype(np.float32, copy=False)

    def ranks(self, scalars: Scalars) -> Longs:
        """The target's rank in each question, from 1; a huge number where the lists do not have it."""
        scores = self.scores(scalars)
        found = self._target >= 0
        bar = np.full(len(found) + 1, np.inf, np.float32)
        bar[:-1][found] = scores[self._target[found]]
        ahead = np.concatenate([[0], np.cumsum(scores >= bar[self._owners])])
        ranks = ahead[self._bounds[1:]] - ahead[self._bounds[:-1]]
        return np.where(found, ranks, _WORST)

    def missed(self) -> Longs:
        """Questions whose target no list names."""
        return np.flatnonzero(self._target < 0)


def objective(ranks: Longs) -> float:
    """``P@20 + 1.5 MRR@20`` in percent."""
    hits = ranks <= 20
    reciprocal: Floats = np.where(hits, 1 / np.minimum(ranks, 21), 0)
    return 100 * float(hits.mean() + 1.5 * reciprocal.mean()) if len(ranks) else 0.0


def spread(values: tuple[float, ...]) -> Singles:
    """``values`` over all history places: the last one holds for the rest."""
    return np.array([values[min(t, len(values) - 1)] for t in range(HISTORY)], np.float32)
