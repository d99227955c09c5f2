"""The demo shop, used as a visitor uses it."""

import re
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.watch import Watch

pytestmark = pytest.mark.timeout(420)

LAYERS = "client|isolate|cdn|edge|origin-memory|redis|origin|popular"
SHELF = "#shelf .tile:not(.place)"
GRID = "#grid .tile:not(.place)"
PAIRS = "#pairs .tile:not(.place)"


@pytest.fixture
def shop(page: Page, watch: Watch) -> Page:
    open_shop(page)
    return page


def open_shop(page: Page, hash_: str = "") -> None:
    page.goto("./" + hash_)
    expect(page.locator(SHELF)).to_have_count(12)
    expect(page.locator(GRID).first).to_be_attached()
    expect(page.locator("#departments a").nth(3)).to_be_attached()


def look_at(page: Page, place: int) -> str:
    """Open the product at ``place`` of the grid, close it again; its title."""
    title = page.locator(f"{GRID} .name").nth(place).inner_text()
    page.locator(f"{GRID} a").nth(place).click()
    expect(page.locator("#title")).to_have_text(title)
    expect(page.locator(PAIRS).first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#sheet")).not_to_be_visible()
    return title


def names(tiles: Locator) -> list[str]:
    return tiles.locator(".name").all_inner_texts()


def test_recommendations_follow_a_click_and_name_it_as_their_reason(shop: Page) -> None:
    expect(shop.locator("#shelf .reason").first).to_have_text("Popular")
    before = names(shop.locator(SHELF))
    title = look_at(shop, 1)
    expect(shop.locator("#why")).to_contain_text(title)
    expect(shop.locator("#shelf .reason").first).to_have_text(f"Because you looked at {title}")
    after = names(shop.locator(SHELF))
    assert after != before
    assert title not in after
    shop.locator("#decided summary").click()
    expect(shop.locator("#reasons li").first).to_contain_text(title)
    expect(shop.locator("#history a")).to_have_attribute("aria-label", title)


def test_a_second_look_counts_and_both_looks_are_kept(shop: Page) -> None:
    first, second = look_at(shop, 0), look_at(shop, 5)
    look_at(shop, 0)
    looked = shop.locator("#history a")
    expect(looked).to_have_count(2)
    expect(looked.nth(0)).to_have_attribute("aria-label", f"{first}, 2 times")
    expect(looked.nth(1)).to_have_attribute("aria-label", second)


def test_a_late_answer_from_before_a_click_is_not_shown(shop: Page) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        asked = parse_qs(route.request.url.split("?", 1)[1])
        if asked["slot"] == ["home"] and "," not in asked["items"][0]:
            held.append(route)
        else:
            route.continue_()

    shop.route("**/v1/recommend?*", hold)
    look_at(shop, 0)
    second = look_at(shop, 6)
    expect(shop.locator("#why")).to_contain_text(second)
    shown = names(shop.locator(SHELF))
    assert len(held) == 1
    with shop.expect_response(lambda response: response.url == held[0].request.url):
        held[0].continue_()
    shop.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert names(shop.locator(SHELF)) == shown
    expect(shop.locator("#why")).to_contain_text(second)


def test_the_panel_shows_layer_times_model_and_scores(shop: Page) -> None:
    expect(shop.locator("#facts")).to_have_text(
        re.compile(rf"^({LAYERS}) · [<\d.]+ (µs|ms) to compute · [<\d.]+ (µs|ms) in all$")
    )
    shop.locator("#decided summary").click()
    layer = shop.locator("#facts").inner_text().split(" ")[0]
    expect(shop.locator("#layers [aria-current]")).to_have_text(layer)
    expect(shop.locator("#figures")).to_contain_text(re.compile(r"Model\s*\S+-[0-9a-f]{12}"))
    expect(shop.locator("#reasons li")).to_have_count(12)
    values = [float(m.get_attribute("value") or "nan") for m in shop.locator("#reasons meter").all()]
    assert values == sorted(values, reverse=True)


def test_a_second_load_is_answered_by_the_client_and_a_stale_one_is_refreshed(shop: Page, watch: Watch) -> None:
    watch.questions.clear()
    shop.reload()
    expect(shop.locator("#facts")).to_have_text(re.compile("^client ·"))
    assert watch.questions == []

    held: list[Route] = []
    shop.route("**/v1/recommend?*slot=home*", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks its handlers, a builtin cannot be marked
    shop.clock.fast_forward(31_000)
    shop.locator("#decided summary").click()
    shop.locator("#again").click()
    expect(shop.locator("#facts")).to_have_text(re.compile("^client, stale ·"))
    expect(shop.locator("#told")).to_contain_text("a newer one is being fetched")
    expect(shop.locator(SHELF)).to_have_count(12)
    assert len(held) == 1
    held[0].continue_()
    expect(shop.locator("#facts")).to_have_text(re.compile(rf"^(?!client)({LAYERS}) ·"))


def test_the_browsers_store_can_be_skipped(shop: Page) -> None:
    shop.locator("#decided summary").click()
    shop.locator("#again").click()
    expect(shop.locator("#layers [aria-current]")).to_have_text("client")
    shop.locator("#bypass").check()
    expect(shop.locator("#layers [aria-current]")).not_to_have_text("client")


def test_forget_me_empties_everything(shop: Page) -> None:
    popular = names(shop.locator(SHELF))
    title = look_at(shop, 2)
    expect(shop.locator("#shelf .reason").first).to_contain_text(title)
    shop.locator("#forget").click()
    expect(shop.locator("#shelf .reason").first).to_have_text("Popular")
    assert names(shop.locator(SHELF)) == popular
    expect(shop.locator("#history li")).to_have_count(0)
    expect(shop.locator("#forget")).to_be_disabled()
    stored = str(shop.evaluate("JSON.stringify(localStorage)"))
    assert title not in stored.replace(str(shop.evaluate("localStorage.getItem('doorstep.1.answers')")), "")
    shop.reload()
    expect(shop.locator("#shelf .reason").first).to_have_text("Popular")


def test_with_the_edge_out_of_reach_the_shop_stays_open(shop: Page, watch: Watch) -> None:
    watch.expect("net::ERR_INTERNET_DISCONNECTED")
    shown = names(shop.locator(SHELF))
    shop.context.set_offline(True)
    shop.clock.fast_forward(31_000)
    shop.locator("#decided summary").click()
    shop.locator("#again").click()
    expect(shop.locator("#facts")).to_have_text(re.compile("^client, stale ·"))
    assert names(shop.locator(SHELF)) == shown

    shop.locator(f"{GRID} a").nth(3).click()
    expect(shop.locator("#pairs-facts")).to_have_text("The edge is out of reach just now.")
    shop.keyboard.press("Escape")
    expect(shop.locator("#told")).to_contain_text("from before your last click")
    assert names(shop.locator(SHELF)) == shown

    shop.context.set_offline(False)
    shop.locator("#again").click()
    expect(shop.locator("#shelf .reason").first).to_contain_text("Because you looked at")


def test_goes_well_with_asks_for_the_product_alone(shop: Page, watch: Watch) -> None:
    look_at(shop, 0)
    look_at(shop, 4)
    questions = [parse_qs(q) for q in watch.questions]
    assert all("," not in q["items"][0] for q in questions if q["slot"] == ["product"])
    assert sum(q["slot"] == ["product"] for q in questions) == 2


def test_a_link_to_a_product_opens_it_and_counts_as_one_look(page: Page, watch: Watch) -> None:
    open_shop(page)
    page.locator("#departments a", has_text="Clocks").click()
    expect(page.locator("#department")).to_have_text("Clocks")
    last = page.locator(f"{GRID} a").last
    link, title = last.get_attribute("href"), last.locator(".name").inner_text()
    page.evaluate("localStorage.clear()")
    page.goto("about:blank")
    open_shop(page, str(link))
    expect(page.locator("#title")).to_have_text(title)
    expect(page.locator("#history a")).to_have_count(1)
    page.reload()
    expect(page.locator("#title")).to_have_text(title)
    expect(page.locator("#history a")).to_have_attribute("aria-label", title)
    page.keyboard.press("Escape")
    expect(page).not_to_have_url(re.compile("product"))


def test_a_link_to_no_product_says_so_and_is_no_look(page: Page, watch: Watch) -> None:
    open_shop(page, "#product=no-such-thing")
    expect(page.locator("#title")).to_have_text("We do not keep this product any more")
    expect(page.locator("#history li")).to_have_count(0)


def test_departments_hold_only_their_own(shop: Page) -> None:
    with shop.expect_response("**/v1/recommend?*filter=category*clocks*") as answer:
        shop.locator("#departments a", has_text="Clocks").click()
    items = answer.value.json()["items"]
    assert items
    assert {item["category"] for item in items} == {"clocks"}
    expect(shop.locator(f"{GRID} .name")).to_have_text([item["title"] for item in items])
    expect(shop.locator("#departments [aria-current]")).to_have_text("Clocks")
    shop.go_back()
    expect(shop.locator("#department")).to_have_text("Best loved")


def test_the_grid_shows_more(shop: Page) -> None:
    few = shop.locator(GRID).count()
    shop.locator("#more").click()
    expect(shop.locator("#more")).to_be_hidden()
    assert shop.locator(GRID).count() > few


def test_the_basket_counts_and_adds_up(shop: Page) -> None:
    shop.locator(f"{GRID} a").first.click()
    price = float(shop.locator("#price").inner_text().removeprefix("£"))
    shop.locator("#add").click()
    shop.locator("#add").click()
    expect(shop.locator("#basket")).to_have_text(f"Basket 2 · £{2 * price:.2f}")
    shop.reload()
    expect(shop.locator("#basket")).to_have_text(f"Basket 2 · £{2 * price:.2f}")


def test_it_can_be_used_from_the_keyboard(shop: Page) -> None:
    shop.keyboard.press("Tab")
    expect(shop.get_by_role("link", name="Skip to the products")).to_be_focused()
    shop.keyboard.press("Enter")
    expect(shop.locator("#products")).to_be_focused()
    link = shop.locator(f"{GRID} a").nth(1)
    link.focus()
    shop.keyboard.press("Enter")
    expect(shop.locator("#title")).to_be_focused()
    shop.keyboard.press("Escape")
    expect(link).to_be_focused()


def test_a_click_in_another_tab_moves_this_one(shop: Page) -> None:
    other = shop.context.new_page()
    open_shop(other)
    title = look_at(other, 3)
    expect(shop.locator("#why")).to_contain_text(title)
