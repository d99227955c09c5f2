"""Every product of the demo catalogue gets a picture, drawn from the words of its name."""

import csv
import gzip
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.test_shop import open_shop
from tests.browser.watch import Watch
from tests.processes import ROOT

pytestmark = pytest.mark.timeout(420)

READ = """async (products) => {
  const { read } = await import("/shop/words.js");
  return products.map(({ title, category }) => read(title, category));
}"""


@pytest.mark.parametrize(
    ("title", "object_", "colour", "pattern", "motif", "count"),
    [
        ("White Hanging Heart T-Light Holder", "candle", "white", None, "heart", None),
        ("Jumbo Bag Red Retrospot", "tote", "red", "dots", None, None),
        ("Lunch Bag Black Skull", "lunchbag", "black", None, "skull", None),
        ("Green Regency Teacup and Saucer", "teacup", "green", "sprig", "crown", None),
        ("Pack of 72 Retrospot Cake Cases", "cupcake", "red", "dots", None, 72),
        ("Heart of Wicker Small", "heart", "brown", "check", "heart", None),
    ],
)
def test_a_title_says_what_to_draw(
    page: Page,
    watch: Watch,
    title: str,
    object_: str,
    colour: str,
    pattern: str | None,
    motif: str | None,
    count: int | None,
) -> None:
    open_shop(page)
    [drawn] = page.evaluate(READ, [{"title": title, "category": "other"}])
    assert drawn == {"object": object_, "colour": colour, "pattern": pattern, "motif": motif, "count": count}


def test_nearly_every_product_is_recognised_and_all_can_be_drawn(page: Page, watch: Watch) -> None:
    with gzip.open(ROOT / "data" / "products.csv.gz", "rt", encoding="utf-8") as file:
        products: list[dict[str, Any]] = list(csv.DictReader(file))
    open_shop(page)
    drawn = page.evaluate(READ, products)
    unrecognised = sum(
        d["object"] == "gift" and "gift" not in p["title"].lower() for d, p in zip(drawn, products, strict=True)
    )
    assert unrecognised < 0.08 * len(products)
    missing = page.evaluate(
        """async (drawn) => {
          const { OBJECTS, MOTIFS } = await import("/shop/drawings.js");
          const inks = [...document.styleSheets].flatMap((s) => [...s.cssRules]).map((r) => r.selectorText);
          return drawn.filter(({ object, motif, colour, pattern }) =>
            !OBJECTS[object] || (motif && !MOTIFS[motif]) ||
            (colour && !inks.includes(`.ink-${colour}`)) || (pattern && !document.getElementById(pattern)));
        }""",
        drawn,
    )
    assert missing == []


def test_the_same_product_always_looks_the_same(page: Page, watch: Watch) -> None:
    open_shop(page)
    pictures = page.evaluate(
        """async () => {
          const { artwork } = await import("/shop/artwork.js");
          const draw = (id) => artwork({ id, title: "Alarm Clock", category: "clocks" }).outerHTML;
          return [draw("22727"), draw("22727"), draw("22728")];
        }"""
    )
    assert pictures[0] == pictures[1] != pictures[2]
