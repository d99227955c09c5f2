"""The snippet /doorstep.js by itself, as a page of the edge imports it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import BrowserType, Page

from tests.browser.conftest import CHROMIUM_ARGUMENTS
from tests.browser.watch import Watch

pytestmark = pytest.mark.timeout(420)

LOAD = "import('/doorstep.js').then((doorstep) => { window.doorstep = doorstep })"
FILL = """() => {
  for (let size = 1 << 20; size >= 1; size >>= 1)
    try { for (let i = 0; ; i++) localStorage.setItem(`fill${size}.${i}`, "x".repeat(size)) } catch {}
}"""


@pytest.fixture
def client(page: Page, watch: Watch) -> Page:
    watch.expect("/favicon.ico")  # the shop names an icon, a bare answer cannot
    page.goto("v1/recommend?n=1")  # a page of the edge's origin that runs no script of its own
    page.evaluate(LOAD)
    watch.questions.clear()
    return page


def ask(page: Page, slot: str = "home", **options: Any) -> Any:
    return page.evaluate("([slot, options]) => doorstep.recommend(slot, options)", [slot, options])


def newer(page: Page, **options: Any) -> Any:
    """The stale answer's successor."""
    return page.evaluate("async (options) => (await doorstep.recommend('home', options)).newer", options)


def history(page: Page) -> Any:
    return page.evaluate("doorstep.history()")


def first_id(page: Page) -> str:
    return str(ask(page, "any", n=1, items=[])["items"][0]["id"])


def test_an_answer_says_where_it_came_from_and_what_it_took(client: Page) -> None:
    answer = ask(client, n=5)
    assert len(answer["items"]) == 5
    assert {"id", "score", "because", "title", "price", "category"} <= set(answer["items"][0])
    assert answer["layer"] not in ("client", "none", "unknown")
    assert 0 <= answer["ms"]["compute"] <= answer["ms"]["total"]
    assert answer["model"]
    assert answer["stale"] is False


def test_an_equal_question_within_30_seconds_makes_no_request(client: Page, watch: Watch) -> None:
    first = ask(client, n=5)
    client.clock.fast_forward(28_000)
    second = ask(client, n=5)
    assert (second["layer"], second["stale"]) == ("client", False)
    assert second["items"] == first["items"]
    assert len(watch.questions) == 1


def test_equal_questions_at_once_make_one_request(client: Page, watch: Watch) -> None:
    answers = client.evaluate("Promise.all([1, 2, 3].map(() => doorstep.recommend('home', { n: 7 })))")
    assert answers[0]["items"] == answers[1]["items"] == answers[2]["items"]
    assert len(watch.questions) == 1


def test_after_30_seconds_the_answer_is_stale_and_a_newer_one_comes(client: Page, watch: Watch) -> None:
    ask(client, n=5)
    client.clock.fast_forward(31_000)
    fresh = newer(client, n=5)
    assert fresh["layer"] not in ("client", "none")
    assert fresh["stale"] is False
    assert len(watch.questions) == 2
    assert ask(client, n=5)["stale"] is False


def test_an_answer_is_forgotten_after_a_day(client: Page) -> None:
    ask(client, n=5)
    client.clock.fast_forward(25 * 3600_000)
    assert ask(client, n=5)["layer"] != "client"


@pytest.mark.parametrize("change", [{"n": 6}, {"filter": "price<=3"}, {"exclude": ["nothing"]}, {"seen": "allow"}])
def test_every_part_of_the_question_is_part_of_the_key(client: Page, change: dict[str, Any]) -> None:
    ask(client, n=5)
    assert ask(client, **{"n": 5, **change})["layer"] != "client"


def test_bypass_asks_the_edge_and_stores_its_answer(client: Page) -> None:
    ask(client, n=5)
    assert ask(client, n=5, bypass=True)["layer"] != "client"
    assert ask(client, n=5)["layer"] == "client"


def test_the_answer_after_a_click_knows_the_click(client: Page, watch: Watch) -> None:
    item = first_id(client)
    ask(client, n=5)
    client.evaluate("(item) => doorstep.click(item)", item)
    answer = ask(client, n=5)
    assert answer["layer"] != "client"
    assert parse_qs(watch.questions[-1])["items"] == [item]
    assert item in {i["because"] for i in answer["items"]}


def test_an_answer_under_way_during_a_click_is_not_given_after_it(client: Page) -> None:
    item = first_id(client)
    before, after = client.evaluate(
        """async (item) => {
          const before = doorstep.recommend("home", { n: 5 });
          doorstep.click(item);
          return Promise.all([before, doorstep.recommend("home", { n: 5 })]);
        }""",
        item,
    )
    assert before["items"] != after["items"]
    assert item in {i["because"] for i in after["items"]}


def test_the_history_is_newest_first_keeps_repeats_and_is_bounded(client: Page) -> None:
    client.evaluate("['a', 'b', { id: 'a' }].forEach((item) => doorstep.click(item))")
    assert history(client) == ["a", "b", "a"]
    client.evaluate("for (let i = 0; i < 50; i++) doorstep.click(`item${i}`)")
    assert history(client) == [f"item{i}" for i in range(49, 29, -1)]


def test_what_is_no_item_is_no_click(client: Page) -> None:
    client.evaluate("[undefined, null, '', {}, 'a,b'].forEach((item) => doorstep.click(item))")
    assert history(client) == []


def test_history_and_answers_survive_a_reload(client: Page) -> None:
    item = first_id(client)
    client.evaluate("(item) => doorstep.click(item)", item)
    answer = ask(client, n=5)
    client.reload()
    client.evaluate(LOAD)
    assert history(client) == [item]
    again = ask(client, n=5)
    assert (again["layer"], again["items"]) == ("client", answer["items"])


def test_answers_are_bounded_in_number_and_size(client: Page) -> None:
    for n in range(1, 41):
        ask(client, n=n, items=[])
    stored = client.evaluate("localStorage.getItem('doorstep.1.answers')")
    assert 1 < len(json.loads(stored)) <= 30
    for price in range(1, 21):
        ask(client, n=100, items=[], filter=f"price<={price}")
    assert len(client.evaluate("localStorage.getItem('doorstep.1.answers')")) <= 100_000
    assert ask(client, n=100, items=[], filter="price<=20")["layer"] == "client"


def test_forget_leaves_nothing_behind(client: Page) -> None:
    client.evaluate("doorstep.click('a')")
    ask(client, n=5)
    client.evaluate("doorstep.forget()")
    assert history(client) == []
    assert client.evaluate("localStorage.length") == 0


def test_an_answer_asked_for_before_forget_is_not_stored_after_it(client: Page) -> None:
    client.evaluate(
        "async () => { const asked = doorstep.recommend('home', { n: 5 }); doorstep.forget(); await asked }"
    )
    assert client.evaluate("localStorage.length") == 0


@pytest.mark.parametrize(
    "junk", ["", "{", "null", "7", '"x"', "[]", "[1]", '{"a": null}', '{"a": {"at": 1, "items": 1}}']
)
def test_junk_in_storage_is_passed_over(client: Page, junk: str) -> None:
    for key in ("doorstep.1.history", "doorstep.1.answers"):
        client.evaluate("([key, junk]) => localStorage.setItem(key, junk)", [key, junk])
    assert history(client) == []
    assert len(ask(client, n=5)["items"]) == 5
    assert ask(client, n=5)["layer"] == "client"


def test_a_full_storage_still_remembers_for_as_long_as_the_page_lives(client: Page) -> None:
    item = first_id(client)
    client.evaluate("doorstep.click('before')")
    client.evaluate(FILL)
    client.evaluate("for (let i = 0; i < 20; i++) doorstep.click('a-click-that-needs-more-room-than-there-is')")
    client.evaluate("(item) => doorstep.click(item)", item)
    assert history(client)[0] == item
    ask(client, n=5)
    assert ask(client, n=5)["layer"] == "client"
    client.evaluate("doorstep.forget()")
    assert history(client) == []


def test_out_of_reach_the_edge_leaves_the_stale_answer(client: Page, watch: Watch) -> None:
    watch.expect("net::ERR_INTERNET_DISCONNECTED")
    answer = ask(client, n=5)
    client.context.set_offline(True)
    client.clock.fast_forward(31_000)
    stale = ask(client, n=5)
    assert (stale["layer"], stale["stale"], stale["items"]) == ("client", True, answer["items"])
    assert newer(client, n=5) is None
    assert ask(client, n=5)["items"] == answer["items"]
    unknown = ask(client, n=6)
    assert (unknown["layer"], unknown["items"], unknown["stale"]) == ("none", [], False)


def test_a_refused_question_is_an_empty_answer(client: Page, watch: Watch) -> None:
    watch.expect("status of 400")
    answer = ask(client, n=0)
    assert (answer["layer"], answer["items"]) == ("none", [])
    assert ask(client, n=0)["layer"] == "none"


@pytest.fixture
def refusing(chromium: BrowserType, chromium_path: str, shop_url: str, tmp_path: Path) -> Iterator[Page]:
    """A page in a browser whose owner blocks all site data: reading ``localStorage`` throws."""
    preferences = tmp_path / "Default" / "Preferences"
    preferences.parent.mkdir()
    preferences.write_text(json.dumps({"profile": {"default_content_setting_values": {"cookies": 2}}}))
    context = chromium.launch_persistent_context(
        tmp_path, executable_path=chromium_path, args=CHROMIUM_ARGUMENTS, base_url=shop_url
    )
    yield context.pages[0]
    context.close()


def test_refused_storage_is_replaced_by_memory(refusing: Page, shop_url: str) -> None:
    watch = Watch(refusing, shop_url)
    watch.expect("/favicon.ico")
    refusing.goto("v1/recommend?n=1")
    refusing.evaluate(LOAD)
    with pytest.raises(Exception, match="denied"):
        refusing.evaluate("localStorage.length")
    item = first_id(refusing)
    refusing.evaluate("(item) => doorstep.click(item)", item)
    assert history(refusing) == [item]
    assert item in {i["because"] for i in ask(refusing, n=5)["items"]}
    assert ask(refusing, n=5)["layer"] == "client"
    refusing.evaluate("doorstep.forget()")
    assert history(refusing) == []
    assert watch.errors() == []
