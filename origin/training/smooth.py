"""Stage 3: neighbours of neighbours, which fill the lists of items that few sessions hold."""

import numpy as np
from scipy.sparse import csr_array, vstack

from origin.training.arrays import Singles, Sparse
from origin.training.lists import normalise, row_of, truncate
from origin.training.settings import Smoothing

HOPS_PER_ITEM = 30
"""Neighbours whose neighbours are looked at."""
KEPT = 60
_BLOCK = 4096  # rows multiplied at a time, so that memory stays linear in the number of items


def second_order(source: Sparse) -> Sparse:
    """``S = top 60 of A A`` without its diagonal, where A is the top 30 of ``source``, each row summing to one."""
    near = truncate(source, HOPS_PER_ITEM)
    sums = np.asarray(near.sum(axis=1), np.float32)
    near.data /= np.repeat(np.where(sums > 0, sums, 1), np.diff(near.indptr))
    blocks = []
    for start in range(0, near.shape[0], _BLOCK):
        product = (near[start : start + _BLOCK] @ near).tocsr()
        product.data[row_of(product) + start == product.indices] = 0
        product.eliminate_zeros()
        blocks.append(truncate(product, KEPT))
    return csr_array(vstack(blocks, format="csr"))


def smoothed(lists: Sparse, second: Sparse, trend: Singles, how: Smoothing) -> Sparse:
    """``lists / (mean row sum) + gamma * second ** power * trend_j``, scaled so that rows sum to one on average."""
    first = normalise(lists)
    if how.gamma == 0:
        return first
    further = how.gamma * second.data ** np.float32(how.power) * trend[second.indices]
    return normalise((first + csr_array((further, second.indices, second.indptr), shape=second.shape)).tocsr())
