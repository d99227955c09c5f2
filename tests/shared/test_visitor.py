"""Cookies are hints: whatever they hold, the answer is a history or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.visitor import history_from_cookie


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
