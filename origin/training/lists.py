"""Stage 2: turn counts into weighted neighbour lists."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from origin.training.arrays import Floats, Longs, Singles, Sparse
from origin.training.settings import Weighting


def weigh(counts: Sparse, popular: Longs, trend: Singles, how: Weighting) -> Sparse:
    """List weights from counts C, the neighbours' clicks and their trend factors (already raised)::

    V_ij = ( C_ij / ((SUM_j C_ij + shrink) ** alpha * (popular_j + 1) ** beta) ) ** power * trend_j
    """
    rows = (counts.sum(axis=1) + how.shrink) ** -how.alpha
    columns = (popular + 1.0) ** -how.beta
    values = counts.data * np.repeat(rows, np.diff(counts.indptr)) * columns[counts.indices]
    values = values.astype(np.float32) ** np.float32(how.power) * trend[counts.indices]
    weighed: Sparse = csr_array((values, counts.indices, counts.indptr), shape=counts.shape)
    if how.itself != 1:
        weighed.data[row_of(weighed) == weighed.indices] *= how.itself
        weighed.eliminate_zeros()
    return weighed


def trend_factors(popular: Longs, recent: Floats, exponent: float) -> Singles:
    """``((recent + 5) / (popular + 5)) ** exponent``: above 1 for items whose share of clicks grows."""
    return (((recent + 5) / (popular + 5)) ** exponent).astype(np.float32)


def normalise(lists: Sparse) -> Sparse:
    """``lists`` divided by their mean row sum, over rows that are not empty."""
    filled = int((np.diff(lists.indptr) > 0).sum())
    mean = float(lists.data.sum(dtype=np.float64)) / max(filled, 1)
    return csr_array((lists.data / np.float32(mean or 1), lists.indices, lists.indptr), shape=lists.shape)


def truncate(lists: Sparse, most: int) -> Sparse:
    """The ``most`` largest weights of each row; ties go to the lower item. Rows come out sorted by item."""
    lists.sort_indices()
    lengths = np.diff(lists.indptr)
    rows = row_of(lists)
    crowded = np.flatnonzero((lengths > most)[rows])
    order = crowded[np.argsort(_row_then_weight(rows[crowded], lists.data[crowded]), kind="stable")]
    starts = np.concatenate([[0], np.cumsum(np.where(lengths > most, lengths, 0))])
    places = np.arange(len(order)) - starts[rows[order]]
    kept = np.ones(len(rows), bool)
    kept[order[places >= most]] = False
    ends = np.concatenate([[0], np.cumsum(np.minimum(lengths, most))])
    return csr_array((lists.data[kept], lists.indices[kept], ends), shape=lists.shape)


def row_of(lists: Sparse) -> Longs:
    """The row of each stored weight."""
    return np.repeat(np.arange(lists.shape[0]), np.diff(lists.indptr))


def _row_then_weight(rows: Longs, weights: Singles) -> NDArray[np.uint64]:
    """Keys that sort by row, then by falling weight: the bits of positive floats order as the floats do."""
    bits = np.uint64(0xFFFFFFFF) - weights.astype(np.float32).view(np.uint32)
    keys: NDArray[np.uint64] = (rows.astype(np.uint64) << np.uint64(32)) | bits
    return keys
