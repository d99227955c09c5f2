"""Small models for tests, made from a seed: random lists, vectors, cards and columns. Deterministic."""

import json
import random
from array import array
from typing import Any

from shared.blend import HISTORY, Blend
from shared.model import MISSING, Model, card, open_model, table, write

BLEND = Blend(
    position=tuple(4096 * 3 // (t + 3) for t in range(HISTORY)),
    repeat=64,
    votes=(256, 272, 288, 304, 320),
    keep=tuple(128 + 16 * (t % 5) for t in range(HISTORY)),
    keep_repeat=32,
    again=tuple(40_000 // (t + 1) for t in range(HISTORY)),
    again_repeat=128,
    shrink=tuple(4096 * 10 // (t + 10) for t in range(HISTORY)),
    variety=100,
    recall=tuple(255 // (t + 1) for t in range(HISTORY)),
    similarity=200,
    popularity=30,
    score_scale=1_000_000,
)
WORDS = ["bag", "candle", "clock", "lantern", "mug", "sign"]


def model_bytes(seed: int = 1, items: int = 300, dims: int = 64, neighbours: int = 12, **changes: Any) -> bytes:
    """A model file. ``changes`` replaces keyword arguments of :func:`shared.model.write`."""
    rng = random.Random(seed)
    ids = [f"{i:06d}" + rng.choice(["", "A", "é", "/x", '"']) for i in rng.sample(range(1_000_000), items)]
    lists = [sorted(rng.sample(range(items), rng.randint(0, min(neighbours, items)))) for _ in range(items)]
    edges = [j for row in lists for j in row]
    keys = [i.encode() for i in ids]
    categories = [rng.randrange(len(WORDS)) for _ in range(items)]
    prices = [MISSING if rng.random() < 0.05 else rng.randrange(50, 2000) for _ in ids]
    cards = [card(i, _members(f"{WORDS[c]} {i} ü", p)) for i, c, p in zip(ids, categories, prices, strict=True)]
    wide = items > 65536
    arguments: dict[str, Any] = {
        "version": "test",
        "items": items,
        "dims": dims,
        "blend": BLEND,
        "columns": {"category": {"kind": "keyword", "values": WORDS}, "price": {"kind": "number", "scale": 100}},
        "about": {"seed": seed},
        "sections": {
            "ids.text": ("u8", b"".join(keys)),
            "ids.ends": ("u32", _ends(keys)),
            "ids.table": ("u32", table(keys)),
            "cards.text": ("u8", b"".join(cards)),
            "cards.ends": ("u32", _ends(cards)),
            "embeddings": ("i8", array("b", [rng.randint(-127, 127) for _ in range(items * dims)])),
            "lists.ends": ("u32", _ends(lists)),
            "lists.low": ("u16", array("H", [j & 0xFFFF for j in edges])),
            "lists.high": ("u8", bytes(j >> 16 for j in edges) if wide else b""),
            "lists.weights": ("u8", bytes(rng.randint(0, 255) for _ in edges)),
            "lists.scales": ("u16", array("H", [rng.randrange(65536) for _ in ids])),
            "bias": ("u8", bytes(rng.randint(0, 255) for _ in ids)),
            "column.category": ("i32", array("i", categories)),
            "column.price": ("i32", array("i", prices)),
        },
    }
    sections = changes.pop("sections", {})
    arguments.update(changes)
    arguments["sections"].update(sections)
    return write(**arguments)


def make_model(seed: int = 1, items: int = 300, **changes: Any) -> Model:
    return open_model(model_bytes(seed, items, **changes))


def _ends(parts: list[Any]) -> "array[int]":
    ends = array("I", [0])
    for part in parts:
        ends.append(ends[-1] + len(part))
    return ends


def _members(title: str, price: int) -> str:
    text = json.dumps({"title": title, "price": price / 100}, ensure_ascii=False, separators=(",", ":"))
    return text[1:-1]
