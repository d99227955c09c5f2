"""From a history to a query: which lists count how much, in integers only (the formula's constants are the blend)."""

from collections.abc import Sequence

from shared.blend import HISTORY, Blend
from shared.kernels import LIMIT, Query
from shared.model import Model


def query(model: Model, history: Sequence[int]) -> Query:
    """The query for ``history``: item indices, newest first, repeats included; the newest 20 count.

    With ``c_t`` clicks on the distinct item ``x_t``, ``L`` clicks and ``R`` distinct items in all::

        weight_t = position_t * (1 + repeat * (c_t - 1)) * scale(x_t)
        returns  = 1 + variety * (1 - R / L)
        mul_t    = keep_t * (1 + keep_repeat * (c_t - 1)) * returns
        add_t    = again_t * (1 + again_repeat * (c_t - 1)) * shrink_R * returns
    """
    clicks = history[:HISTORY]
    counts: dict[int, int] = {}
    for item in clicks:
        counts[item] = counts.get(item, 0) + 1
    blend, scales = model.blend, model.sections["lists.scales"]
    items = tuple(counts)
    if len(items) == len(clicks):  # nothing clicked twice: the common case, and every factor for repeats is one
        weights = [min(w * scales[x] >> 12, 65535) for x, w in zip(items, blend.position, strict=False)]
        shrink = blend.shrink[len(items) - 1] if items else 0
        revisits = [(m, a * shrink >> 12) for _, m, a in zip(items, blend.keep, blend.again, strict=False)]
        return Query(items, weights, revisits, blend.recall[: len(items)])
    return _with_repeats(blend, scales, counts, len(clicks))


def _with_repeats(blend: Blend, scales: Sequence[int], counts: dict[int, int], clicks: int) -> Query:
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
