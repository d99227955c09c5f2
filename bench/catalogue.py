"""Synthetic catalogues for benchmarks: random vectors, lists, titles and columns, the shapes of a real shop."""

import json
from typing import Any

import numpy as np

from shared.model import card, table, write
from tests.models import BLEND, WORDS

RULES = json.dumps(
    {"version": "bench", "slots": {"home": {"filter": "price>0", "spread": {"field": "category", "max": 5}}}}
)
"""A standing filter and one rule, as the benchmarks have them at work."""


def item_id(index: int) -> str:
    return f"item-{index:07d}"


def catalogue(items: int, *, dims: int = 64, neighbours: int = 40, seed: int = 1) -> bytes:
    """A model file of ``items`` items, each with ``neighbours`` random neighbours. Deterministic."""
    rng = np.random.default_rng(seed)
    ids = [item_id(i).encode() for i in range(items)]
    categories = rng.integers(0, len(WORDS), items, dtype=np.int32)
    prices = rng.integers(50, 5000, items, dtype=np.int32)
    members = [
        f'"title":"A {WORDS[c]} called {i}","price":{p / 100},"category":"{WORDS[c]}"'
        for i, (c, p) in enumerate(zip(categories.tolist(), prices.tolist(), strict=True))
    ]
    cards = [card(item_id(i), shown) for i, shown in enumerate(members)]
    lists = rng.integers(0, items, items * neighbours, dtype=np.uint32)
    weights = np.sort(rng.integers(1, 256, (items, neighbours), dtype=np.uint8), axis=1)[:, ::-1]
    sections: dict[str, tuple[str, Any]] = {
        "ids.text": ("u8", b"".join(ids)),
        "ids.ends": ("u32", _ends(ids)),
        "ids.table": ("u32", table(ids)),
        "cards.text": ("u8", b"".join(cards)),
        "cards.ends": ("u32", _ends(cards)),
        "embeddings": ("i8", rng.integers(-127, 128, items * dims, dtype=np.int8)),
        "lists.ends": ("u32", np.arange(items + 1, dtype=np.uint32) * neighbours),
        "lists.low": ("u16", (lists & 0xFFFF).astype(np.uint16)),
        "lists.high": ("u8", (lists >> 16).astype(np.uint8) if items > 65536 else b""),
        "lists.weights": ("u8", np.ascontiguousarray(weights)),
        "lists.scales": ("u16", rng.integers(1, 65536, items, dtype=np.uint16)),
        "bias": ("u8", rng.integers(0, 256, items, dtype=np.uint8)),
        "column.category": ("i32", categories),
        "column.price": ("i32", prices),
    }
    return write(
        version="bench",
        items=items,
        dims=dims,
        blend=BLEND,
        columns={"category": {"kind": "keyword", "values": WORDS}, "price": {"kind": "number", "scale": 100}},
        about={"seed": seed},
        sections=sections,
    )


def _ends(parts: list[bytes]) -> np.ndarray[Any, Any]:
    return np.cumsum([0, *map(len, parts)], dtype=np.uint32)
