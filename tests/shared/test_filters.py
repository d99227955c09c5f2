"""Filters select what a plain reading of the condition selects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadInput, NotInModel
from shared.filters import parse_filter, render_filter, resolve
from shared.kernels import PythonKernel
from shared.model import MISSING
from tests.models import WORDS, make_model

MODEL = make_model(items=100)
PRICES = MODEL.sections["column.price"].tolist()
CATEGORIES = [WORDS[c] for c in MODEL.sections["column.category"]]


def selected(text: str) -> list[int]:
    bitmap = PythonKernel(MODEL).select(resolve(MODEL, parse_filter(text)))
    return [i for i in range(MODEL.items) if bitmap[i >> 3] >> (i & 7) & 1]


@given(st.sampled_from(["<", "<=", ">", ">=", "=", "!="]), st.integers(0, 2500), st.integers(0, 2))
def test_prices_compare_as_numbers(operator: str, cents: int, more_decimals: int) -> None:
    holds = {
        "<": lambda p: p < cents,
        "<=": lambda p: p <= cents,
        ">": lambda p: p > cents,
        ">=": lambda p: p >= cents,
        "=": lambda p: p == cents,
        "!=": lambda p: p != cents,
    }[operator]
    text = f"price{operator}{cents / 100:.2f}{'0' * more_decimals}"
    expected = [i for i, p in enumerate(PRICES) if (holds(p) if p != MISSING else operator == "!=")]
    assert selected(text) == expected


def test_a_number_between_two_units_equals_nothing() -> None:
    assert selected("price=5.001") == []
    assert selected("price<=5.009") == selected("price<=5.00")
    assert selected("price>5.001") == selected("price>5.00")


def test_words() -> None:
    assert selected("category=mug|bag") == [i for i, c in enumerate(CATEGORIES) if c in ("mug", "bag")]
    assert selected("category!=mug") == [i for i, c in enumerate(CATEGORIES) if c != "mug"]
    assert selected("category=never heard of") == []
    assert selected("category=mug;price<5;price>=1") == [
        i for i, (c, p) in enumerate(zip(CATEGORIES, PRICES, strict=True)) if c == "mug" and 100 <= p < 500
    ]


def test_equal_filters_are_equal_whatever_their_order() -> None:
    a, b = parse_filter("price<5;category=mug|bag|mug"), parse_filter(";category=bag|mug;price<5;")
    assert a == b
    assert parse_filter(render_filter(a)) == a


def test_a_field_that_the_model_lacks_is_another_layers_question() -> None:
    with pytest.raises(NotInModel, match="category, price"):
        selected("colour=red")


@pytest.mark.parametrize(
    "text", ["category<mug", "category<3", "price=cheap", "price<1|2", "price<1e9", "=", "a" * 600]
)
def test_what_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        selected(text)
