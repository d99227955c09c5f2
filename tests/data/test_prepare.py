"""The demo shop's files are what prepare.py makes of the original, and what data/README.md says of them."""

import csv
import gzip
import hashlib
import re
from collections import Counter
from pathlib import Path

import pytest

from data.categories import FAMILIES, OTHER, category_of
from data.prepare import prepare
from data.titles import title_of
from tests.processes import ROOT

ORIGINAL = ROOT.parent / "shared" / "data" / "online-retail" / "online_retail.csv.gz"
FILES = ("products.csv.gz", "interactions.csv.gz")


def rows(name: str) -> list[dict[str, str]]:
    with gzip.open(ROOT / "data" / name, "rt", encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


@pytest.mark.skipif(not ORIGINAL.is_file(), reason="the original Online Retail file is not here")
def test_the_original_gives_these_bytes(tmp_path: Path) -> None:
    counted = prepare(ORIGINAL, tmp_path)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (ROOT / "data" / name).read_bytes(), name
    readme = (ROOT / "data" / "README.md").read_text()
    for what, count in counted.items():
        assert f"| {count:,} | {what} |" in readme


@pytest.mark.parametrize("name", FILES)
def test_the_readme_states_the_hashes(name: str) -> None:
    digest = hashlib.sha256((ROOT / "data" / name).read_bytes()).hexdigest()
    assert digest in (ROOT / "data" / "README.md").read_text()


def test_products_are_goods_with_titles_prices_and_families() -> None:
    products = rows("products.csv.gz")
    assert 3700 < len(products) < 3950
    assert len({p["item"] for p in products}) == len(products)
    assert all(p["title"] and float(p["price"]) > 0 and p["category"] in {*FAMILIES, OTHER} for p in products)
    assert not {"POST", "DOT", "M", "C2", "S", "PADS", "AMAZONFEE"} & {p["item"] for p in products}
    assert not [p for p in products if re.search(r"postage|voucher|bank charge|carriage$", p["title"], re.IGNORECASE)]
    families = Counter(p["category"] for p in products)
    assert families[OTHER] < 0.15 * len(products)
    assert len(families) > 20


def test_interactions_come_in_order_and_name_known_products() -> None:
    known = {p["item"] for p in rows("products.csv.gz")}
    interactions = rows("interactions.csv.gz")
    times = [i["time"] for i in interactions]
    assert times == sorted(times)
    assert {i["item"] for i in interactions} == known
    assert {i["type"] for i in interactions} == {"purchase"}
    assert all(i["session"] and not i["session"].startswith("C") for i in interactions)


HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
SALE = "1,85123A,HEART,6,2011-01-01 10:00:00,2.55,7,UK\n"


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        ([SALE], ["85123A"]),
        ([SALE, SALE], ["85123A"]),
        ([SALE, "C2,85123A,HEART,-6,2011-01-02 10:00:00,2.55,7,UK\n"], []),
        ([SALE, "C2,85123A,HEART,-2,2011-01-02 10:00:00,2.55,7,UK\n"], ["85123A"]),
        ([SALE, "C2,85123A,HEART,-6,2011-01-02 10:00:00,2.55,8,UK\n"], ["85123A"]),
        (["C0,85123A,HEART,-6,2010-12-31 10:00:00,2.55,7,UK\n", SALE], ["85123A"]),
        ([SALE, "3,POST,POSTAGE,1,2011-01-01 10:00:00,18,7,UK\n"], ["85123A"]),
        ([SALE, "3,22423,damaged,-4,2011-01-01 10:00:00,0,,UK\n"], ["85123A"]),
        ([SALE, "3,85123a,HEART,1,2011-01-01 11:00:00,2.95,,UK\n"], ["85123A", "85123A"]),
    ],
)
def test_what_stays_of_the_original(tmp_path: Path, lines: list[str], left: list[str]) -> None:
    source = tmp_path / "original.csv"
    source.write_text(HEADER + "".join(lines))
    prepare(source, tmp_path)
    with gzip.open(tmp_path / "interactions.csv.gz", "rt") as text:
        assert [row["item"] for row in csv.DictReader(text)] == left


@pytest.mark.parametrize(
    ("description", "title", "category"),
    [
        ("WHITE HANGING HEART T-LIGHT HOLDER", "White Hanging Heart T-Light Holder", "candles"),
        ("S/4 VALENTINE DECOUPAGE HEART BOX", "Set of 4 Valentine Decoupage Heart Box", "storage"),
        ("SET/6  COLLAGE PAPER PLATES", "Set of 6 Collage Paper Plates", "frames"),
        ("POPPY'S PLAYHOUSE BATHROOM", "Poppy's Playhouse Bathroom", "bath"),
        ("DIAMANTE HEART SHAPED WALL MIRROR,", "Diamante Heart Shaped Wall Mirror", "jewellery"),
        ("CHRISTMAS MUG", "Christmas Mug", "christmas"),
        ("BLUE FLY SWAT", "Blue Fly Swat", "other"),
    ],
)
def test_titles_and_families(description: str, title: str, category: str) -> None:
    assert title_of(description) == title
    assert category_of(title) == category
