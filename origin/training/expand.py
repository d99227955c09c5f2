"""Lays questions out over neighbour lists: which candidates each question has, and which lists name them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from origin.training.arrays import Bools, Ints, Longs
from origin.training.sessions import Questions

MASKS = ("none", "current", "seen")
"""What an answer must not hold: nothing, the newest item, any item of the history."""


class Entries(NamedTuple):
    """One entry for each time a list names a candidate, then one for each history item that may be shown again.

    Candidates ("groups") are sorted by question, then item.
    """

    edges: Longs
    """The stored neighbour behind each of the first ``len(edges)`` entries."""
    question: Longs
    place: Longs
    """Which history item's list, or which history item."""
    group: Longs
    revisits: int
    """How many entries follow those of ``edges``."""
    owners: Longs
    """Each group's question."""
    candidates: Longs
    """Each group's item."""
    votes: Longs
    """How many lists name each group's item."""
    items: int

    def find(self, targets: Ints) -> Longs:
        """The group of ``targets[p]`` among question p's candidates, or -1."""
        keys = self.owners * self.items + self.candidates
        wanted = np.arange(len(targets)) * self.items + targets
        at = np.searchsorted(keys, wanted)
        found = (targets >= 0) & (at < len(keys))
        found[found] = keys[at[found]] == wanted[found]
        return np.where(found, at, -1)


def expand(
    ends: NDArray[np.integer], neighbours: NDArray[np.integer], questions: Questions, items: int, mask: str
) -> Entries:
    """The entries of ``questions`` over the lists ``neighbours[ends[x]:ends[x + 1]]``."""
    asker, place = np.nonzero(questions.items >= 0)
    source = questions.items[asker, place].astype(np.int64)
    lengths = (ends[source + 1] - ends[source]).astype(np.int64)
    before = np.concatenate([[0], np.cumsum(lengths)])
    edges = np.arange(before[-1]) + np.repeat(ends[source] - before[:-1], lengths)
    named = np.concatenate([neighbours[edges].astype(np.int64), source])
    question = np.concatenate([np.repeat(asker, lengths), asker])
    places = np.concatenate([np.repeat(place, lengths), place])
    shown = ~_masked(questions, question, named, mask)
    revisits = int(shown[len(edges) :].sum())
    edges, question, places, named = edges[shown[: len(edges)]], question[shown], places[shown], named[shown]
    keys, group = np.unique(question * items + named, return_inverse=True)
    owners, candidates = np.divmod(keys, items)
    votes = np.bincount(group[: len(edges)], minlength=len(keys))
    return Entries(edges, question, places, group, revisits, owners, candidates, votes, items)


def _masked(questions: Questions, question: Longs, named: Longs, mask: str) -> Bools:
    if mask == "none":
        return np.zeros(len(named), bool)
    hidden: Bools = questions.items[question, 0] == named
    if mask == "seen":
        for t in range(1, questions.items.shape[1]):
            hidden |= questions.items[question, t] == named
    return hidden
