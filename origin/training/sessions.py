"""Sessions as flat arrays, and the questions they hold: after these clicks, what was clicked next?"""

from typing import NamedTuple

import numpy as np

from origin.training.arrays import Bools, Ints, Longs
from shared.blend import HISTORY


class Sessions(NamedTuple):
    """Sessions in time order. ``events[ends[s]:ends[s + 1]]`` are the item indices of session s, oldest first."""

    events: Ints
    ends: Longs
    """One longer than the number of sessions; starts with 0."""

    @property
    def size(self) -> int:
        return len(self.ends) - 1

    def lengths(self) -> Longs:
        return np.diff(self.ends)

    def owners(self) -> Longs:
        """The session of each event."""
        return np.repeat(np.arange(self.size), self.lengths())

    def slice(self, start: int, stop: int) -> "Sessions":
        """Sessions ``start`` to ``stop - 1``."""
        ends = self.ends[start : stop + 1]
        return Sessions(self.events[ends[0] : ends[-1]], ends - ends[0])


class Questions(NamedTuple):
    """Histories with the item that followed. Rows are padded with -1 items and 0 counts.

    ``items[p, t]`` is the t-th distinct item of history p, newest first, clicked ``counts[p, t]`` times among the
    newest 20 clicks, of which there are ``clicks[p]`` on ``distinct[p]`` items. Unknown items are not in them.
    """

    items: Ints
    counts: Ints
    clicks: Ints
    distinct: Ints
    targets: Ints
    """-1 for an item that the model does not know."""

    @property
    def size(self) -> int:
        return len(self.targets)

    def take(self, rows: Longs | Bools | slice) -> "Questions":
        return Questions(*(column[rows] for column in self))


def next_item_questions(sessions: Sessions) -> Questions:
    """One question per event that has a predecessor in its session. Negative item indices are unknown items."""
    events = sessions.events
    known = events >= 0
    before = np.concatenate([[0], np.cumsum(known)])
    asked = np.ones(len(events), bool)
    asked[sessions.ends[:-1][sessions.lengths() > 0]] = False
    at = np.flatnonzero(asked)
    starts = before[np.repeat(sessions.ends[:-1], sessions.lengths())[at]]
    return questions(events[known], starts, before[at], np.maximum(events[at], -1))


def questions(events: Ints, starts: Longs, stops: Longs, targets: Ints) -> Questions:
    """Question p: the history is ``events[starts[p]:stops[p]]``, oldest first, all known; ``targets[p]`` followed."""
    back = stops[:, None] - 1 - np.arange(HISTORY)
    inside = back >= starts[:, None]
    window = np.where(inside, events[np.where(inside, back, 0)], -1) if len(events) else np.full(back.shape, -1)
    first = inside.copy()
    counts = inside.astype(np.int32)
    for late in range(1, HISTORY):
        for early in range(late):
            same = inside[:, late] & first[:, early] & (window[:, late] == window[:, early])
            first[same, late] = False
            counts[same, early] += 1
    rows, columns = np.nonzero(first)
    places = (np.cumsum(first, axis=1) - 1)[rows, columns]
    packed = np.full(window.shape, -1, np.int32)
    packed[rows, places] = window[rows, columns]
    packed_counts = np.zeros(window.shape, np.int32)
    packed_counts[rows, places] = counts[rows, columns]
    clicks = inside.sum(axis=1, dtype=np.int32)
    distinct = first.sum(axis=1, dtype=np.int32)
    return Questions(packed, packed_counts, clicks, distinct, targets.astype(np.int32))
