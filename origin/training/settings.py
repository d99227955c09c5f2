"""What training may choose: how lists are counted and weighted, and how serving blends them. Floats; see shared.blend.

The defaults are settings that did well on several shops; :mod:`origin.training.fit` adapts them to each site.
"""

from typing import NamedTuple

GAP = 15
"""Events further apart within a session are not a pair."""
FOREVER = float("inf")


class Counting(NamedTuple):
    """How much one pair of clicks counts. See :mod:`origin.training.size`."""

    tau: float = 4.0
    """Decay with age, as a fraction of the training period; FOREVER for none."""
    length: float = 0.15
    """Exponent of the session's length."""
    gap: float = 0.75
    """Exponent of the distance between the two clicks."""
    back: float = 0.8
    """Weight of a pair read backwards."""


class Weighting(NamedTuple):
    """How counts become list weights. See :mod:`origin.training.lists`."""

    alpha: float = 0.7
    """Exponent of the row's sum: how much a busy item's list is scaled down."""
    shrink: float = 30.0
    """Added to the row's sum: doubts the lists of items with few events."""
    beta: float = 0.2
    """Exponent of the neighbour's popularity."""
    power: float = 0.8
    """Exponent of the whole weight."""
    trend: float = 0.2
    """Exponent of the neighbour's recent share of clicks."""
    itself: float = 0.0
    """Factor on an item's pairs with itself."""


class Smoothing(NamedTuple):
    """How much neighbours of neighbours count. See :mod:`origin.training.smooth`."""

    gamma: float = 0.2
    power: float = 0.74


class ListSettings(NamedTuple):
    counting: Counting = Counting()
    weighting: Weighting = Weighting()
    smoothing: Smoothing = Smoothing()


SOURCE = ListSettings(
    Counting(tau=2.0), Weighting(alpha=0.7, shrink=10, beta=0.1, power=0.7, trend=0.3, itself=1.0), Smoothing(gamma=0.0)
)
"""The lists whose product gives the neighbours of neighbours."""


class Scalars(NamedTuple):
    """The serving formula's scalars in floats; list weights average 1 per list. Names are those of shared.blend."""

    position: tuple[float, ...] = (1.0, 0.6, 0.35, 0.3, 0.06, 0.06, 0.06, 0.02, 0.005)
    """The last value holds for all older items."""
    repeat: float = 0.0
    votes: float = 0.0
    """Gain per further list that names the item, up to four."""
    keep: tuple[float, ...] = (0.5, 1.5, 0.9, 1.2, 0.9, 1.0)
    keep_repeat: float = 0.3
    again: tuple[float, ...] = (0.2, 0.19, 0.06, 0.04, 0.04, 0.03)
    again_repeat: float = 0.3
    shrink: float = 0.2
    """Exponent of the number of distinct items."""
    variety: float = 0.5


class Fill(NamedTuple):
    """How the places that the lists leave empty are filled."""

    recall: float = 0.7
    """Exponent of the position's decay in the visitor's vector."""
    similarity: int = 128
    popularity: int = 64
