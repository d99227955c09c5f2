"""Stage 5: floats become the integers that every kernel adds up."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from origin.training.arrays import Floats, Sparse
from origin.training.replay import spread
from origin.training.settings import Fill, Scalars
from shared.blend import HISTORY, Blend
from shared.kernels import LISTED

_TYPICAL = 2048  # the least integer scale of a middling row: its rounding error is then below 0.03 %


class QuantisedLists(NamedTuple):
    """Neighbour lists as the artifact stores them: weight = scales[i] / unit * (q / 255) ** 2."""

    ends: NDArray[np.uint32]
    neighbours: NDArray[np.uint32]
    weights: NDArray[np.uint8]
    scales: NDArray[np.uint16]
    unit: float
    """Row scale that a weight of 1.0 gets."""

    @property
    def score_unit(self) -> float:
        """Score that a weight of 1.0 gives at position factor 1: part = (scale * q * q) >> 8."""
        return self.unit * 255 * 255 / 256


def quantise_lists(lists: Sparse) -> QuantisedLists:
    """Row scale u16 and weight byte q with (q / 255) ** 2: the square root spends the byte where weights crowd.

    Weights that round to q = 0 are dropped. Rows keep their order.
    """
    lengths = np.diff(lists.indptr)
    largest = np.zeros(lists.shape[0])
    filled = lengths > 0
    if filled.any():
        largest[filled] = np.maximum.reduceat(lists.data, lists.indptr[:-1][filled])
    top, middle = (largest.max(), np.median(largest[filled])) if filled.any() else (1.0, 1.0)
    unit = max(65535 / top, _TYPICAL / middle)
    scales = np.clip(np.rint(largest * unit), filled.astype(np.int64), 65535)
    q = np.rint(255 * np.sqrt(lists.data * unit / np.repeat(scales, lengths)))
    kept = q >= 1
    rows = np.repeat(np.arange(lists.shape[0]), lengths)[kept]
    ends = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=lists.shape[0]))])
    return QuantisedLists(
        ends.astype(np.uint32),
        lists.indices[kept].astype(np.uint32),
        np.minimum(q[kept], 255).astype(np.uint8),
        scales.astype(np.uint16),
        float(unit),
    )


def quantise_vectors(vectors: Floats) -> NDArray[np.int8]:
    """Unit rows to int8, all by one factor, so that dot products stay comparable.

    The one value in ten thousand that is largest sets the factor; what exceeds it is clipped.
    """
    magnitudes = np.abs(vectors)
    largest = np.quantile(magnitudes[magnitudes > 0], 0.9999) if (magnitudes > 0).any() else 1.0
    return np.clip(np.rint(vectors * (127 / largest)), -127, 127).astype(np.int8)


def quantise_bias(popularity: Floats) -> NDArray[np.uint8]:
    """``255 * log(1 + p) / log(1 + max p)``: popularity as one byte."""
    logs = np.log1p(popularity)
    return np.rint(255 * logs / max(float(logs.max()), 1e-9)).astype(np.uint8)


def quantise_blend(scalars: Scalars, fill: Fill, lists: QuantisedLists, dims: int) -> Blend:
    """The scalars in fixed point, ``again`` in the score units of ``lists``.

    ``score_scale``: 1.0 is what the first entry of a middling list scores when its item was clicked last.
    """
    places = np.arange(1, HISTORY + 1)
    best = lists.scales[lists.scales > 0].astype(np.int64) * 255 * 255 >> 8
    return Blend(
        position=_fixed(spread(scalars.position), 4096, 0, 1 << 16),
        repeat=_one(scalars.repeat, 256, -256, 1 << 12),
        votes=_fixed(1 + scalars.votes * np.arange(5), 256, 0, 1 << 12),
        keep=_fixed(spread(scalars.keep), 256, 0, 1 << 12),
        keep_repeat=_one(scalars.keep_repeat, 256, -256, 1 << 12),
        again=_fixed(spread(scalars.again), lists.score_unit, 0, 1 << 28),
        again_repeat=_one(scalars.again_repeat, 256, -256, 1 << 12),
        shrink=_fixed(places**-scalars.shrink, 4096, 0, 1 << 12),
        variety=_one(scalars.variety, 256, -256, 1 << 12),
        recall=_fixed(places**-fill.recall, 255, 0, 255),
        similarity=min(fill.similarity, 256 * 64 // dims),  # the bound of shared.blend
        popularity=fill.popularity,
        score_scale=LISTED + (int(np.median(best)) if len(best) else 0),
    )


def _fixed(values: NDArray[np.floating], unit: float, low: int, high: int) -> tuple[int, ...]:
    return tuple(_one(float(v), unit, low, high) for v in values)


def _one(value: float, unit: float, low: int, high: int) -> int:
    return min(max(round(value * unit), low), high)
