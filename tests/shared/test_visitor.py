"""Cookies are hints: whatever they hold, the answer is a history or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.visitor import (
    VISITOR_COOKIE,
    derive,
    edge_token,
    forget_cookie,
    history_from_cookie,
    set_history,
    set_visitor,
    sign,
    verify,
    visitor_from_cookie,
)

IDS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=64)


@pytest.mark.parametrize(
    ("header", "history"),
    [
        ("", ()),
        ("doorstep_history=85123A,22423", ("85123A", "22423")),
        ("a=1; doorstep_history=%C4%8Daj,b ; c=2", ("čaj", "b")),
        ('doorstep_history="a,b"', ("a", "b")),
        ("not_doorstep_history=a", ()),
        ("doorstep_history=%FF,a", ()),
        ("doorstep_history=,,a,", ("a",)),
        ("doorstep_history=a%00b,c", ("c",)),
        ("doorstep_history=" + ",".join("abcdefghijklmnopqrstuvwxyz"), tuple("abcdefghijklmnopqrst")),
        ("doorstep_history=" + "x" * 65, ()),
    ],
)
def test_cookies(header: str, history: tuple[str, ...]) -> None:
    assert history_from_cookie(header) == history


@given(st.text())
def test_any_header_gives_a_bounded_history(header: str) -> None:
    history = history_from_cookie("doorstep_history=" + header)
    assert len(history) <= 20
    assert all(0 < len(i) <= 64 for i in history)


def browser(set_cookie: str) -> str:
    """What a browser sends back for a ``Set-Cookie`` value."""
    return set_cookie.partition(";")[0]


@given(IDS, st.text())
def test_a_signed_visitor_is_known_again_and_only_with_the_secret(visitor: str, secret: str) -> None:
    token = sign("secret", visitor)
    assert token.isascii()
    assert verify("secret", token) == visitor
    assert visitor_from_cookie("secret", f"a=b; {browser(set_visitor('secret', visitor))}") == visitor
    assert secret == "secret" or verify(secret, token) is None
    assert verify("", token) is None


@given(st.text(st.characters(exclude_categories=())), st.text(st.characters(exclude_categories=())))
def test_what_we_did_not_sign_is_nobody(name: str, signature: str) -> None:
    assert verify("secret", f"{name}.{signature}") is None
    assert verify("secret", name) is None


@given(IDS, st.integers(0, 19))
def test_one_character_more_or_less_and_it_is_nobody(visitor: str, place: int) -> None:
    token = sign("secret", visitor)
    other = "A" if token[-1 - place] != "A" else "B"
    assert verify("secret", token[: -1 - place] + other + token[len(token) - place :]) is None
    assert verify("secret", f"x{token}") is None
    assert verify("secret", token[:-1]) is None


@given(st.lists(IDS.filter(lambda i: "," not in i), max_size=20), st.sampled_from(["full", "session"]))
def test_a_history_comes_back_as_it_was_set(history: list[str], consent: str) -> None:
    value = set_history(history, consent)
    assert value.isascii()
    assert history_from_cookie(browser(value)) == tuple(history)
    assert ("Max-Age" in value) == (consent == "full")


@given(st.text(st.characters(exclude_categories=())))
def test_new_visitors_follow_from_the_seed(seed: str) -> None:
    new, session = derive("secret", seed, session=False), derive("secret", seed, session=True)
    assert derive("secret", seed, session=False) == new
    assert (len(new), session[0], len(session)) == (20, "~", 21)
    assert session[1:] != new, "the two cannot be told to be one person"
    assert derive("other", seed, session=False) != new


def test_tokens_of_one_use_are_no_good_for_another() -> None:
    assert edge_token("secret") != edge_token("other")
    assert edge_token("secret")[:20] not in (sign("secret", "").rpartition(".")[2], derive("secret", "", session=False))


def test_cookies_that_scripts_cannot_read_and_that_go_away() -> None:
    value = set_visitor("secret", "v")
    assert all(part in value for part in ("; Path=/", "; HttpOnly", "; SameSite=Lax", "; Max-Age=31536000"))
    assert "Max-Age" not in set_visitor("secret", "~v")
    assert browser(forget_cookie(VISITOR_COOKIE)) == "doorstep_visitor="
    assert "; Max-Age=0" in forget_cookie(VISITOR_COOKIE)


def test_cookies_are_secure_where_the_browser_came_by_https() -> None:
    for secure, count in ((True, 1), (False, 0)):
        values = (
            set_visitor("secret", "v", secure=secure),
            set_visitor("secret", "~v", secure=secure),
            set_history(["a"], "full", secure=secure),
            set_history(["a"], "session", secure=secure),
            forget_cookie(VISITOR_COOKIE, secure=secure),
        )
        assert [value.split("; ").count("Secure") for value in values] == [count] * 5
