"""The scalars that turn a history into a query: fitted per site by the trainer, stored in the model as integers.

``Qk`` means fixed point with k fractional bits: 1.0 is ``1 << k``.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from shared.errors import BadModel

HISTORY = 20
"""Clicks that count, newest first."""


class Blend(NamedTuple):
    """All scalars of a model. Lists indexed by t run from the newest distinct item (t = 0) to the oldest."""

    position: tuple[int, ...]
    """Q12 x 20: weight of x_t's neighbour list."""
    repeat: int
    """Q8: extra weight of a list per further click on its item."""
    votes: tuple[int, ...]
    """Q8 x 5: factor for an item that 1, 2, 3, 4, 5 or more lists name."""
    keep: tuple[int, ...]
    """Q8 x 20: what a history item keeps of its own list score."""
    keep_repeat: int
    """Q8: extra share kept per further click."""
    again: tuple[int, ...]
    """Score units x 20: what a history item gets for having been clicked."""
    again_repeat: int
    """Q8: extra per further click."""
    shrink: tuple[int, ...]
    """Q12 x 20: factor on ``again`` for 1, 2, ... distinct items."""
    variety: int
    """Q8: extra for returns, times the share of clicks that were returns."""
    recall: tuple[int, ...]
    """u8 x 20: weight of x_t in the visitor's vector."""
    similarity: int
    """Q8, times the dot product of visitor's and item's vectors; only for items no list names."""
    popularity: int
    """Score units per unit of bias; only for items no list names."""
    score_scale: int
    """The score units that make 1.0 in an answer."""


_LENGTHS = {"position": HISTORY, "votes": 5, "keep": HISTORY, "again": HISTORY, "shrink": HISTORY, "recall": HISTORY}
_BOUNDS = {  # chosen so that no kernel's int32 or int64 can overflow and a listed item always beats an unlisted one
    "position": (0, 1 << 16),
    "repeat": (-(1 << 8), 1 << 12),
    "votes": (0, 1 << 12),
    "keep": (0, 1 << 12),
    "keep_repeat": (-(1 << 8), 1 << 12),
    "again": (0, 1 << 28),
    "again_repeat": (-(1 << 8), 1 << 12),
    "shrink": (0, 1 << 12),
    "variety": (-(1 << 8), 1 << 12),
    "recall": (0, 255),
    "similarity": (0, 256),
    "popularity": (0, 256),
    "score_scale": (1, 1 << 30),
}


def read_blend(fields: Mapping[str, Any], dims: int) -> Blend:
    """The blend of a model's header. Raises :class:`BadModel` for a missing, superfluous or out-of-range scalar."""
    if set(fields) != set(Blend._fields):
        raise BadModel("model_inconsistent", f"the blend must have exactly the scalars {', '.join(Blend._fields)}")
    for name, value in fields.items():
        values = value if name in _LENGTHS else (value,)
        low, high = _BOUNDS[name]
        if len(values) != _LENGTHS.get(name, 1) or not all(type(v) is int and low <= v <= high for v in values):
            raise BadModel("model_inconsistent", f"blend.{name} must be within {low} and {high}, and is {value!r}")
    if fields["similarity"] * dims > 256 * 64:
        raise BadModel("model_inconsistent", f"blend.similarity must be at most {256 * 64 // dims} at {dims} dims")
    scalars: dict[str, Any] = {k: tuple(v) if k in _LENGTHS else v for k, v in fields.items()}
    return Blend(**scalars)
