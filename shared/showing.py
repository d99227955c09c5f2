"""Chosen items as JSON: the specification that a kernel's own ``show`` equals byte for byte."""

import json
from collections.abc import Sequence

from shared.model import Model

DECIMALS = 10_000


def show(model: Model, history: Sequence[int], chosen: Sequence[tuple[int, int, int]]) -> str:
    """``chosen`` (item, score, cause) as JSON objects joined by commas; ``history`` holds the items of the causes.

    An object is the item's card, ``score`` in units of the model's scale, to four decimals, rounded half up, and
    ``because``: the id of the history item that brought it, or null.
    """
    scale = model.blend.score_scale
    half = scale >> 1
    causes = [*[json.dumps(model.id(item), ensure_ascii=False) for item in history], "null"]
    return ",".join(
        [
            '{%s,"score":%.4f,"because":%s}'
            % (model.card(item), (score * DECIMALS + half) // scale / DECIMALS, causes[cause])
            for item, score, cause in chosen
        ]
    )
