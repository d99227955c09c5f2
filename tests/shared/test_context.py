"""Devices, programs, consent, and the history that a cookie carries on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.context import consent_of, device_of, fold_history, is_bot
from shared.events import Event

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
ITEMS = st.sampled_from(["a", "b", "c", "d"])


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        (IPHONE, "mobile"),
        (CHROME, "desktop"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "desktop"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Safari/605.1.15", "desktop"),
        ("Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "mobile"),
        ("Mozilla/5.0 (Linux; Android 15; SM-X910) AppleWebKit/537.36 Chrome/140.0 Safari/537.36", "tablet"),
        ("Mozilla/5.0 (iPad; CPU OS 16_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1", "tablet"),
        ("Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 Chrome/94.0 Safari/537.36", "other"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) AppleWebKit/537.36 Edge/44", "other"),
        ("", "other"),
        ("curl/8.5", "other"),
    ],
)  # fmt: skip
def test_devices(user_agent: str, device: str) -> None:
    assert device_of(user_agent) == device


@pytest.mark.parametrize(
    "user_agent",
    [
        "", "curl/8.5.0", "python-requests/2.32", "python-httpx/0.28.1", "Go-http-client/2.0", "Wget/1.21",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0) Chrome/116.0 Safari/537.36",
        "facebookexternalhit/1.1", "Mozilla/5.0 (compatible; Yahoo! Slurp)",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0 Safari/537.36",
    ],
)  # fmt: skip
def test_programs(user_agent: str) -> None:
    assert is_bot(user_agent)


@pytest.mark.parametrize(
    "user_agent",
    [IPHONE, CHROME, "Mozilla/5.0 (Linux; Android 12; CUBOT X50) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36"],
)
def test_people(user_agent: str) -> None:
    assert not is_bot(user_agent)


def test_consent_is_what_was_said_first_of_all_to_this_site() -> None:
    cookies = "a=b; doorstep_consent=session"
    assert consent_of("full", cookies, gpc=True, default="none") == "full"
    assert consent_of(None, cookies, gpc=True, default="full") == "session"
    assert consent_of(None, "doorstep_consent=perhaps", gpc=True, default="full") == "session"
    assert consent_of(None, "", gpc=True, default="none") == "none"
    assert consent_of(None, "", gpc=False, default="full") == "full"
    assert consent_of(None, "", gpc=False, default="session") == "session"


def viewed(*items: str) -> list[Event]:
    return [Event(f"e{i}", "v", "view", 1000 + i, item) for i, item in enumerate(items)]


def test_history_is_newest_first_and_an_item_twice_in_a_row_is_one() -> None:
    assert fold_history((), viewed("a", "b", "b", "a")) == ("a", "b", "a")
    assert fold_history(("a", "x"), viewed("a", "b")) == ("b", "a", "x")
    assert fold_history(("x",), reversed(viewed("a", "b"))) == ("b", "a", "x")
    assert fold_history(("x",), [Event("1", "v", "impression", 1, "a"), Event("2", "v", "search", 1)]) == ("x",)


@given(st.lists(ITEMS, max_size=30), st.lists(ITEMS, max_size=30))
def test_a_batch_that_comes_again_changes_nothing(history: list[str], items: list[str]) -> None:
    once = fold_history(history, viewed(*items))
    assert len(once) <= 20
    assert fold_history(once, viewed(*items)) == once


def test_a_long_batch_that_comes_again_changes_nothing() -> None:
    events = viewed(*(str(i) for i in range(30)))
    once = fold_history(("a",), events)
    assert once == tuple(str(i) for i in range(29, 9, -1))
    assert fold_history(once, events) == once
