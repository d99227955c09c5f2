"""Stage 1: count ordered pairs of clicks within sessions."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from origin.training.arrays import Floats, Ints, Longs, Singles, Sparse
from origin.training.sessions import Sessions
from origin.training.settings import FOREVER, GAP, Counting


class Pairs(NamedTuple):
    """Every ordered pair of clicks up to GAP apart, gathered once so that counting anew costs one pass over them.

    Pair p is (rows[slot[p]], columns[slot[p]]) from session ``session[p]`` at distance ``gap[p]``. Slots are sorted
    by (row, column). At most GAP pairs per event, 9 bytes each.
    """

    items: int
    rows: Ints
    columns: Ints
    slot: Ints
    session: Ints
    gap: Ints
    lengths: Longs


def gather(sessions: Sessions, items: int) -> Pairs:
    """All pairs of ``sessions``, whose events are indices below ``items``."""
    owners = sessions.owners().astype(np.int32)
    events = sessions.events.astype(np.int64)
    keys, session, gap = [], [], []
    for distance in range(1, GAP + 1):
        at = np.flatnonzero(owners[distance:] == owners[:-distance])
        if not len(at):
            break
        keys.append(events[at] * items + events[at + distance])
        session.append(owners[at])
        gap.append(np.full(len(at), distance, np.int32))
    none = np.zeros(0, np.int32)
    unique, slot = np.unique(np.concatenate([none.astype(np.int64), *keys]), return_inverse=True)
    rows, columns = np.divmod(unique, items)
    return Pairs(
        items,
        rows.astype(np.int32),
        columns.astype(np.int32),
        slot.astype(np.int32),
        np.concatenate([none, *session]),
        np.concatenate([none, *gap]),
        sessions.lengths(),
    )


def count(pairs: Pairs, how: Counting) -> Sparse:
    """Weighted counts C, items x items::

        C = F + back * F^T,   F_ij = SUM over pairs (i, j)  exp(-age / tau) * length ** -len * gap ** -fg

    ``age`` is the share of all sessions that came after the pair's session, ``length`` that session's events.
    """
    by_gap = np.arange(GAP + 1, dtype=np.float64)
    by_gap[1:] **= -how.gap
    weights = _session_weights(pairs.lengths, how)[pairs.session] * by_gap.astype(np.float32)[pairs.gap]
    sums = np.bincount(pairs.slot, weights, minlength=len(pairs.rows)).astype(np.float32)
    ends = np.concatenate([[0], np.cumsum(np.bincount(pairs.rows, minlength=pairs.items))])
    forward: Sparse = csr_array((sums, pairs.columns, ends), shape=(pairs.items, pairs.items))
    return (forward + how.back * forward.T.tocsr()).tocsr() if how.back else forward


def popularity(sessions: Sessions, items: int) -> Longs:
    """Clicks per item."""
    return np.bincount(sessions.events, minlength=items)


def recent_popularity(sessions: Sessions, items: int, share: float = 0.1) -> Floats:
    """Clicks per item in the newest ``share`` of the sessions, scaled up to the whole period."""
    newest = sessions.slice(int(sessions.size * (1 - share)), sessions.size)
    return popularity(newest, items) / share


def _session_weights(lengths: Longs, how: Counting) -> Singles:
    n = len(lengths)
    weights = np.maximum(lengths, 1.0) ** -how.length
    if how.tau != FOREVER:
        weights *= np.exp(-(n - 1 - np.arange(n)) / max(n, 1) / how.tau)
    return weights.astype(np.float32)
