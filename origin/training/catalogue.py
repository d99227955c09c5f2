"""The items: ids, titles, and what an answer shows of them and filters by."""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from origin.training.arrays import Ints


class Column(NamedTuple):
    """A filter field. ``values`` holds one int32 per item, shared.model.MISSING where an item has none."""

    values: Ints
    scale: int
    """Units per 1 of a number column; 0 for a keyword column."""
    words: tuple[str, ...] = ()
    """What the codes of a keyword column mean."""

    def described(self) -> dict[str, object]:
        """The column as a model's header describes it."""
        if self.scale:
            return {"kind": "number", "scale": self.scale}
        return {"kind": "keyword", "values": list(self.words)}


class Catalogue(NamedTuple):
    """Items by index; ``ids`` are distinct. ``titles`` and ``cards`` are as long; an unknown title is empty."""

    ids: Sequence[str]
    titles: Sequence[str]
    cards: Sequence[str]
    """Display members of each item: JSON object text without braces, perhaps empty."""
    columns: Mapping[str, Column]

    @property
    def size(self) -> int:
        return len(self.ids)


def bare_catalogue(ids: Sequence[str], titles: Sequence[str] | None = None) -> Catalogue:
    """A catalogue that knows nothing but ids, and titles if there are any."""
    known = titles if titles is not None else [""] * len(ids)
    return Catalogue(ids, known, [members({"title": title}) for title in known], {})


def members(fields: Mapping[str, object]) -> str:
    """The display members that an item's card shows. Empty ones are left out."""
    shown = {name: value for name, value in fields.items() if value not in (None, "")}
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":"))[1:-1]
