"""The real clickstream of ``../shared/data/taobao-slice`` where it is present, else a generated one."""

import csv
import gzip
import random
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from origin.commands.build_edge import ROOT

FILE = ROOT.parent / "shared" / "data" / "taobao-slice" / "UserBehavior_slice.csv.gz"
KINDS = {"pv": "view", "cart": "cart", "fav": "custom", "buy": "purchase"}


class Click(NamedTuple):
    visitor: str
    type: str
    item: str
    category: str
    at_s: int


def clickstream(most: int) -> tuple[str, Iterator[Click]]:
    """What it is, and at most ``most`` clicks in the order of their time."""
    if FILE.exists():
        return "Taobao slice", islice(_taobao(), most)
    return "generated", islice(_generated(), most)


def _taobao() -> Iterator[Click]:
    with gzip.open(FILE, "rt") as lines:
        for visitor, item, category, behaviour, at_s in csv.reader(lines):
            yield Click(visitor, KINDS[behaviour], item, category, int(at_s))


def _generated() -> Iterator[Click]:
    """As many events a visitor as in the real one (1.7 on average, a long tail), and as mixed."""
    rng = random.Random(1)
    visitors: list[str] = []
    at_s = 1_511_658_000
    while True:
        if not visitors or rng.random() < 0.6:
            visitors.append(str(len(visitors)))
            visitor = visitors[-1]
        else:
            visitor = visitors[-1 - int(rng.random() ** 3 * len(visitors))]
        at_s += rng.random() < 0.07
        item = int(20_000 * rng.random() ** 3)
        kind = rng.choices(("view", "cart", "custom", "purchase"), (892, 55, 31, 22))[0]
        yield Click(visitor, kind, str(item), str(item % 40), at_s)
