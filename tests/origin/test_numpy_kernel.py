"""The numpy kernel gives the reference's answer, to the bit, whatever it is asked."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from origin.item_texts import ItemTexts
from origin.numpy_kernel import NumpyKernel
from shared.kernels import LIMIT, LISTED, MAX_TOP, NO_CAUSE, PythonKernel, Query, Term
from shared.model import MISSING, Model
from shared.scoring import Scoring
from tests.models import BLEND, make_model

MODELS = {
    "small": make_model(seed=3, items=40, neighbours=30),
    "middling": make_model(seed=4, items=1500, dims=16, neighbours=20),
    "no lists": make_model(seed=5, items=90, neighbours=0),
    "loud": make_model(seed=6, items=300, blend=BLEND._replace(votes=(4096,) * 5, again=(1 << 28,) * 20)),
    "one item": make_model(seed=7, items=1),
}
terms = st.lists(
    st.one_of(
        st.builds(
            lambda low, width, inside: Term("price", ((low, low + width),), inside),
            st.integers(-5, 2000), st.integers(-1, 900), st.booleans(),
        ),
        st.builds(
            lambda codes, inside: Term("category", tuple((c, c) for c in codes), inside),
            st.sets(st.integers(0, 6), max_size=4), st.booleans(),
        ),
        st.just(Term("price", ((MISSING, 2**31 - 1),), True)),
    ),
    max_size=3,
)  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=60, deadline=None)
@given(data=st.data(), k=st.integers(1, MAX_TOP), terms=st.none() | terms)
def test_equals_the_reference(name: str, data: st.DataObject, k: int, terms: list[Term] | None) -> None:
    model = MODELS[name]
    item = st.integers(0, model.items - 1)
    asked = Scoring(model).query(data.draw(st.lists(item, max_size=25)))
    agree(model, asked, terms, k)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), k=st.integers(1, 60))
def test_equals_the_reference_at_the_bounds_of_its_integers(data: st.DataObject, k: int) -> None:
    model = MODELS["small"]
    items = data.draw(st.lists(st.integers(0, 39), unique=True, max_size=20))
    size = len(items)

    def each(values: st.SearchStrategy[int]) -> list[int]:
        return data.draw(st.lists(values, min_size=size, max_size=size))

    u16 = st.sampled_from([0, 1, 255, 40_000, 65535])
    add = st.sampled_from([0, 1, LIMIT - LISTED, LIMIT])
    revisits = list(zip(each(u16), each(add), strict=True))
    agree(model, Query(items, each(u16), revisits, each(st.sampled_from([0, 1, 128, 255]))), None, k)


def test_equals_the_reference_above_65536_items() -> None:
    model = make_model(seed=8, items=70_001, dims=16, neighbours=10)
    rng = random.Random(8)
    kernel, reference = NumpyKernel(model), PythonKernel(model)
    for k, size in ((1, 0), (20, 3), (40, 10), (MAX_TOP, 20)):
        asked = Scoring(model).query([rng.randrange(model.items) for _ in range(size)])
        assert kernel.top(asked, None, k) == reference.top(asked, None, k)


def test_ties_go_to_the_lower_index() -> None:
    model = make_model(seed=9, items=5000, dims=16, neighbours=0, sections={"bias": ("u8", bytes(5000))})
    best = NumpyKernel(model).top(Scoring(model).query([]), None, 100)
    assert [c[0] for c in best] == list(range(100))


def test_a_list_that_names_an_item_twice_counts_twice() -> None:
    model = make_model(
        seed=10, items=3, neighbours=0,
        sections={
            "lists.ends": ("u32", np.array([0, 8, 8, 8], np.uint32)),
            "lists.low": ("u16", np.array([1] * 7 + [2], np.uint16)),
            "lists.weights": ("u8", bytes([200] * 8)),
        },
    )  # fmt: skip
    agree(model, Scoring(model).query([0]), None, 3)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_shows_as_the_reference_does(data: st.DataObject) -> None:
    model = MODELS["small"]
    kernel, reference = NumpyKernel(model), PythonKernel(model)
    asked = Scoring(model).query(data.draw(st.lists(st.integers(0, 39), min_size=1, max_size=20)))
    causes = st.integers(NO_CAUSE, len(asked.items) - 1)
    scores = st.integers(-(2**22), 2**31 - 1)
    chosen = data.draw(st.lists(st.tuples(st.integers(0, 39), scores, causes), max_size=30))
    for _ in range(2):  # the second time from texts that are kept
        assert kernel.show(asked, chosen) == reference.show(asked, chosen)


def test_texts_are_bounded_and_made_once() -> None:
    made: list[int] = []

    def make(item: int) -> str:
        made.append(item)
        return str(item)

    texts = ItemTexts(make, most=2)
    assert [texts[i] for i in (1, 2, 1, 2, 3, 1)] == ["1", "2", "1", "2", "3", "1"]
    assert made == [1, 2, 3, 1]
    assert len(texts) <= 2


def test_a_call_leaves_nothing_behind() -> None:
    model = MODELS["middling"]
    used, rng = NumpyKernel(model), random.Random(11)
    for _ in range(200):
        asked = Scoring(model).query([rng.randrange(model.items) for _ in range(rng.randrange(12))])
        assert used.top(asked, None, 30) == NumpyKernel(model).top(asked, None, 30)


def agree(model: Model, asked: Query, terms: list[Term] | None, k: int) -> None:
    kernel, reference = NumpyKernel(model), PythonKernel(model)
    allowed = None if terms is None else kernel.select(terms)
    bitmap = None if terms is None else reference.select(terms)
    assert kernel.top(asked, allowed, k) == reference.top(asked, bitmap, k)
