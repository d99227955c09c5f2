"""Real clickstreams of ``../shared/data`` where they are present, else generated ones."""

import csv
import gzip
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple

from origin.commands.build_edge import ROOT

DATA = ROOT.parent / "shared" / "data"
FILE = DATA / "taobao-slice" / "UserBehavior_slice.csv.gz"
SHOP = DATA / "rees46-sample" / "2019-Oct-sample.csv.gz"
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


def browsing() -> tuple[str, Iterator[Click]]:
    """Visits as they are in a shop, some of them long: what they are, and the clicks."""
    if SHOP.exists():
        return "REES46 sample", _rees46()
    return "generated", islice(_generated(long_visits=True), 40_000)


def _rees46() -> Iterator[Click]:
    with gzip.open(SHOP, "rt") as lines:
        for row in csv.DictReader(lines):
            at = datetime.strptime(row["event_time"], "%Y-%m-%d %H:%M:%S %Z").replace(tzinfo=UTC)
            category = row["category_code"] or row["category_id"]
            yield Click(row["user_id"], row["event_type"], row["product_id"], category, int(at.timestamp()))


def _taobao() -> Iterator[Click]:
    with gzip.open(FILE, "rt") as lines:
        for visitor, item, category, behaviour, at_s in csv.reader(lines):
            yield Click(visitor, KINDS[behaviour], item, category, int(at_s))


def _generated(*, long_visits: bool = False) -> Iterator[Click]:
    """As mixed as the Taobao slice, and with as many events a visitor (1.7 on average), or with long visits (10)."""
    rng = random.Random(1)
    visitors: list[str] = []
    at_s = 1_511_658_000
    while True:
        if not visitors or rng.random() < (0.1 if long_visits else 0.6):
            visitors.append(str(len(visitors)))
            visitor = visitors[-1]
        else:
            visitor = visitors[-1 - int(rng.random() ** 3 * len(visitors))]
        at_s += rng.random() < 0.07
        item = int(20_000 * rng.random() ** 3)
        kind = rng.choices(("view", "cart", "custom", "purchase"), (892, 55, 31, 22))[0]
        yield Click(visitor, kind, str(item), str(item % 40), at_s)
