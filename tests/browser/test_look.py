"""How the shop looks: nothing moves or overflows, text can be read, and pictures for people to judge."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_shop import GRID, PAIRS, SHELF, look_at, open_shop
from tests.browser.watch import Watch

pytestmark = pytest.mark.timeout(420)

SHIFTS = """() => new Promise((done) => new PerformanceObserver((list) =>
  done(list.getEntries().filter((e) => !e.hadRecentInput).reduce((sum, e) => sum + e.value, 0))
).observe({ type: "layout-shift", buffered: true }) || setTimeout(() => done(0), 300))"""

CONTRASTS = """() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const light = (name) => {
    context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name);
    context.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map((v) => {
      const c = v / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  return (pairs) => pairs.map(([a, b]) => {
    const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  });
}"""
PAIRS_OF_COLOURS = [
    ["--ink", "--page"], ["--soft", "--page"], ["--on-accent", "--accent"], ["--lettering", "--fascia"],
    ["--gilt", "--fascia"],
]  # fmt: skip


def test_nothing_moves_while_lists_change(page: Page, watch: Watch) -> None:
    open_shop(page)
    page.wait_for_load_state("networkidle")
    look_at(page, 1)
    look_at(page, 4)
    page.locator("#forget").click()
    expect(page.locator("#shelf .reason").first).to_have_text("Popular")
    assert page.evaluate(SHIFTS) < 0.01


@pytest.mark.parametrize("width", [320, 390, 768, 1440, 2560])
def test_the_page_is_never_wider_than_the_window(page: Page, watch: Watch, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    open_shop(page)
    look_at(page, 1)
    page.locator("#decided summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(page: Page, watch: Watch, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    open_shop(page)
    ratios = page.evaluate(f"(pairs) => ({CONTRASTS})()(pairs)", PAIRS_OF_COLOURS)
    assert min(ratios) >= 4.5, dict(zip(map(str, PAIRS_OF_COLOURS), ratios, strict=True))


def test_reduced_motion_is_respected(page: Page, watch: Watch) -> None:
    page.emulate_media(reduced_motion="reduce")
    open_shop(page)
    look_at(page, 1)
    assert page.evaluate("document.getAnimations().length") == 0
    style = page.locator(SHELF).first.evaluate("(tile) => getComputedStyle(tile).animationName")
    assert style == "none"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("device", "width", "height"), [("phone", 390, 844), ("desktop", 1440, 900)])
def test_pictures_of_the_shop(
    browser: Browser, shop_url: str, out: Path, device: str, width: int, height: int, scheme: str
) -> None:
    context = browser.new_context(
        base_url=shop_url, viewport={"width": width, "height": height}, reduced_motion="reduce",
        color_scheme="dark" if scheme == "dark" else "light",
    )  # fmt: skip
    page = context.new_page()
    watch = Watch(page, shop_url)
    open_shop(page)
    page.screenshot(path=out / f"shop-{device}-{scheme}.png")
    look_at(page, 8)
    page.locator(f"{GRID} a").nth(2).click()
    expect(page.locator(PAIRS)).to_have_count(6)
    page.screenshot(path=out / f"product-{device}-{scheme}.png")
    page.keyboard.press("Escape")
    page.locator("#decided summary").click()
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=out / f"decided-{device}-{scheme}.png", full_page=device == "phone")
    assert watch.errors() == []
    context.close()
