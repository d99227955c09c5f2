"""Measures of a ranked answer against what followed."""

import numpy as np

from origin.training.arrays import Ints, Longs


def measure(answers: Ints, targets: Ints, items: int) -> dict[str, float]:
    """Averages over questions; row p of ``answers`` is the ranked answer to question p, -1 where it is too short.

    ``hit_rate`` (P@k of the session literature): the next item is among the k.  ``mrr``: 1 / its rank, else 0.
    ``ndcg``: 1 / log2(1 + its rank), else 0.  ``coverage``: share of the ``items`` that some answer shows.
    """
    ranks = ranks_in(answers, targets)
    hit = ranks > 0
    count = max(len(ranks), 1)
    shown = np.unique(answers[answers >= 0])
    return {
        "questions": len(ranks),
        "hit_rate": float(hit.sum()) / count,
        "mrr": float((1 / ranks[hit]).sum()) / count,
        "ndcg": float((1 / np.log2(1 + ranks[hit])).sum()) / count,
        "coverage": len(shown) / max(items, 1),
    }


def ranks_in(answers: Ints, targets: Ints) -> Longs:
    """The place of each target in its answer, from 1; 0 where it is not there."""
    hits = (answers == targets[:, None]) & (targets[:, None] >= 0)
    return np.where(hits.any(axis=1), hits.argmax(axis=1) + 1, 0)


def recall(answers: Ints, later: Ints, ends: Longs) -> float:
    """Average share of all items that followed in the session which the answer shows.

    ``later[ends[p]:ends[p + 1]]`` are the distinct items that followed question p; every question has at least one.
    """
    owners = np.repeat(np.arange(len(answers)), np.diff(ends))
    found = (answers[owners] == later[:, None]).any(axis=1) & (later >= 0)
    return float((np.bincount(owners, found, minlength=len(answers)) / np.diff(ends)).mean()) if len(answers) else 0.0
