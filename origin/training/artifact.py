"""Stage 6: lay everything out as one model file, and prove that it opens."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from origin.training.catalogue import Catalogue
from origin.training.quantise import QuantisedLists
from shared.blend import Blend
from shared.model import audit, card, open_model, table, write

_HIGH_FROM = 65536  # items beyond which a neighbour's index needs its third byte


class Parts(NamedTuple):
    """The numbers of a model, ready to be stored."""

    lists: QuantisedLists
    vectors: NDArray[np.int8]
    """items x dims"""
    bias: NDArray[np.uint8]
    blend: Blend


def assemble(version: str, catalogue: Catalogue, parts: Parts, about: Mapping[str, Any]) -> bytes:
    """The model file. Raises :class:`shared.errors.BadModel` rather than return one that would not open."""
    keys = [item.encode() for item in catalogue.ids]
    cards = [card(item, text) for item, text in zip(catalogue.ids, catalogue.cards, strict=True)]
    lists = parts.lists
    wide = catalogue.size > _HIGH_FROM
    sections: dict[str, tuple[str, Any]] = {
        "ids.text": ("u8", b"".join(keys)),
        "ids.ends": ("u32", _ends(keys)),
        "ids.table": ("u32", table(keys)),
        "cards.text": ("u8", b"".join(cards)),
        "cards.ends": ("u32", _ends(cards)),
        "embeddings": ("i8", np.ascontiguousarray(parts.vectors)),
        "lists.ends": ("u32", lists.ends),
        "lists.low": ("u16", (lists.neighbours & 0xFFFF).astype(np.uint16)),
        "lists.high": ("u8", (lists.neighbours >> 16).astype(np.uint8) if wide else b""),
        "lists.weights": ("u8", lists.weights),
        "lists.scales": ("u16", lists.scales),
        "bias": ("u8", parts.bias),
    }
    for name, column in catalogue.columns.items():
        sections[f"column.{name}"] = ("i32", np.ascontiguousarray(column.values, np.int32))
    data = write(
        version=version,
        items=catalogue.size,
        dims=parts.vectors.shape[1],
        blend=parts.blend,
        columns={name: column.described() for name, column in catalogue.columns.items()},
        about=about,
        sections=sections,
    )
    audit(open_model(data))
    return data


def _ends(texts: Sequence[bytes]) -> NDArray[np.uint32]:
    return np.cumsum([0, *map(len, texts)]).astype(np.uint32)
