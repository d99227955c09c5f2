"""From a history to a query: which lists count how much, in integers only (the formula's constants are the blend)."""

from collections import Counter
from collections.abc import Mapping, Sequence

from shared.blend import HISTORY, Blend
from shared.kernels import LIMIT, Query
from shared.model import Model


class Scoring:
    """The formula for one model, with everything that does not depend on the history computed once."""

    def __init__(self, model: Model) -> None:
        blend = model.blend
        self._blend = blend
        self._scales = model.sections["lists.scales"]
        self._revisits = [
            tuple((keep, again * shrink >> 12) for keep, again in zip(blend.keep, blend.again, strict=True))
            for shrink in (0, *blend.shrink)
        ]

    def query(self, history: Sequence[int]) -> Query:
        """The query for ``history``: item indices, newest first, repeats included; the newest 20 count.

        With ``c_t`` clicks on the distinct item ``x_t``, ``L`` clicks and ``R`` distinct items in all::

            weight_t = position_t * (1 + repeat * (c_t - 1)) * scale(x_t)
            returns  = 1 + variety * (1 - R / L)
            mul_t    = keep_t * (1 + keep_repeat * (c_t - 1)) * returns
            add_t    = again_t * (1 + again_repeat * (c_t - 1)) * shrink_R * returns
        """
        clicks = history[:HISTORY]
        items = tuple(dict.fromkeys(clicks))
        distinct = len(items)
        if distinct < len(clicks):
            return _with_repeats(self._blend, self._scales, Counter(clicks), len(clicks))
        scales = self._scales  # nothing was clicked twice, so every factor for repeats is one
        weights = [min(w * scales[x] >> 12, 65535) for x, w in zip(items, self._blend.position, strict=False)]
        return Query(items, weights, self._revisits[distinct][:distinct], self._blend.recall[:distinct])


def _with_repeats(blend: Blend, scales: Sequence[int], counts: Mapping[int, int], clicks: int) -> Query:
    distinct = len(counts)
    returns = 256 + blend.variety * (clicks - distinct) // clicks
    shrink = blend.shrink[distinct - 1]
    weights, revisits = [], []
    for t, (item, count) in enumerate(counts.items()):
        more = count - 1
        weight = blend.position[t] * max(256 + blend.repeat * more, 0) >> 8
        weights.append(min(weight * scales[item] >> 12, 65535))
        keep = blend.keep[t] * max(256 + blend.keep_repeat * more, 0) >> 8
        again = (blend.again[t] * max(256 + blend.again_repeat * more, 0) >> 8) * shrink >> 12
        revisits.append((min(keep * returns >> 8, 65535), min(again * returns >> 8, LIMIT)))
    return Query(tuple(counts), weights, revisits, blend.recall[:distinct])
