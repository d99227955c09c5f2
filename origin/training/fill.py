"""Stage 4b: fit what fills the places that the lists leave empty, on the questions whose answer no list names."""

from typing import NamedTuple

import numpy as np

from origin.training.arrays import Floats, Longs
from origin.training.batch import BatchKernel
from origin.training.sessions import Questions, Sessions
from origin.training.settings import FOREVER, Fill

DECAYS = (0.03, 0.1, 0.3, 1.0, FOREVER)
"""Candidate decays of popularity with age, as fractions of the training period."""
MIN_MISSED = 30
_RECALLS = (0.0, 0.5, 1.0, 2.0)
_MIXES = ((1.0, 0), (1.0, 4), (1.0, 16), (1.0, 48), (1.0, 128), (1.0, 256), (0.25, 256), (0.06, 256), (0.0, 256))
_CELLS = 10_000_000  # question x item scores held at a time


class FittedFill(NamedTuple):
    fill: Fill
    gain: float
    """Discounted gain on the missed questions, 0 to 1."""


def aged_popularity(sessions: Sessions, items: int, decay: float) -> Floats:
    """Clicks per item, each worth ``exp(-age / decay)``; age is the share of sessions that came later."""
    age = (sessions.size - 1 - np.arange(sessions.size)) / max(sessions.size, 1)
    worth = np.exp(-age / decay)[sessions.owners()]
    return np.bincount(sessions.events, worth, minlength=items).astype(np.float64)


def fit_decay(sessions: Sessions, items: int, targets: Longs) -> float:
    """The decay whose popularity ranks ``targets`` best."""
    known = targets[targets >= 0]
    if not len(known):
        return FOREVER
    return max(DECAYS, key=lambda d: _gain(_ranks_of(aged_popularity(sessions, items, d), known)))


def fit_fill(kernel: BatchKernel, missed: Questions) -> FittedFill:
    """The recall decay and the mix of similarity and popularity that rank the targets of ``missed`` best."""
    asked = missed.take((missed.targets >= 0) & (missed.distinct > 0))
    most = max(min(_CELLS // kernel.items, 1500), MIN_MISSED)
    if asked.size < MIN_MISSED:
        return FittedFill(Fill(), 0.0)
    asked = asked.take(np.linspace(0, asked.size - 1, min(most, asked.size)).astype(np.int64))
    largest = min(256, 256 * 64 // kernel.dims)
    best = FittedFill(Fill(), -1.0)
    for recall in _RECALLS:
        weights = np.rint(255 * np.arange(1.0, 21.0) ** -recall).astype(np.int64)
        dots = kernel.dots(kernel.vectors(asked, weights))
        for similarity, popularity in _MIXES:
            fill = Fill(recall, round(similarity * largest), popularity)
            scores = (dots * fill.similarity >> 8) + kernel.bias * fill.popularity
            bar = scores[np.arange(asked.size), asked.targets][:, None]
            gain = _gain((scores >= bar).sum(axis=1))
            if gain > best.gain:
                best = FittedFill(fill, gain)
    return best


def _gain(ranks: Longs) -> float:
    return float((1 / np.log2(1.0 + ranks)).mean())


def _ranks_of(scores: Floats, targets: Longs) -> Longs:
    """The rank of each target by ``scores``, ties to its disadvantage."""
    return len(scores) - np.searchsorted(np.sort(scores), scores[targets], side="left")
