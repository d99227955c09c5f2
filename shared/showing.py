"""Chosen items as JSON: the specification that a kernel's own ``show`` equals byte for byte."""

import json
from collections.abc import Callable, Sequence
from functools import partial

from shared.model import Model

DECIMALS = 10_000


def show(
    model: Model,
    history: Sequence[int],
    chosen: Sequence[tuple[int, int, int]],
    *,
    card: Callable[[int], str] | None = None,
    quoted: Callable[[int], str] | None = None,
) -> str:
    """``chosen`` (item, score, cause) as JSON objects joined by commas; ``history`` holds the items of the causes.

    An object is the item's card, ``score`` in units of the model's scale, to four decimals, rounded half up, and
    ``because``: the id of the history item that brought it, or null. ``card`` and ``quoted`` stand in for the model's
    cards and :func:`quoted_id`, for a caller who keeps those texts.
    """
    scale = model.blend.score_scale
    half = scale >> 1
    card = card or model.card
    causes = [*map(quoted or partial(quoted_id, model), history), "null"]
    return ",".join(
        [
            '{%s,"score":%.4f,"because":%s}'
            % (card(item), (score * DECIMALS + half) // scale / DECIMALS, causes[cause])
            for item, score, cause in chosen
        ]
    )


def quoted_id(model: Model, item: int) -> str:
    """The id of ``item`` as a JSON string."""
    return json.dumps(model.id(item), ensure_ascii=False)
