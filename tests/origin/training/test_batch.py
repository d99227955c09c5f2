"""The batch evaluator gives the reference kernel's answers, bit for bit, and the quantised model the fit's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array, random_array

from origin.training.batch import BatchKernel
from origin.training.metrics import measure, ranks_in, recall
from origin.training.quantise import quantise_bias, quantise_lists, quantise_vectors
from origin.training.sessions import questions
from shared.blend import HISTORY
from shared.kernels import PythonKernel
from shared.model import Model
from shared.scoring import Scoring
from tests.models import make_model

ITEMS = 120
MODELS = [
    make_model(seed, ITEMS, neighbours=most, dims=dims) for seed, most, dims in ((1, 12, 64), (2, 60, 16), (3, 0, 32))
]
histories = st.lists(st.lists(st.integers(0, ITEMS - 1) | st.integers(0, 5), max_size=30), min_size=1, max_size=6)


def asked(newest_first: list[list[int]]):  # type: ignore[no-untyped-def]
    oldest_first = [list(reversed(history)) for history in newest_first]
    ends = np.cumsum([0, *map(len, oldest_first)])
    events = np.array([i for history in oldest_first for i in history], np.int32)
    return questions(events, ends[:-1], ends[1:], np.zeros(len(newest_first), np.int32))


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=40, deadline=None)
@given(newest_first=histories, k=st.integers(1, 40))
def test_answers_are_those_of_the_reference(model: Model, newest_first: list[list[int]], k: int) -> None:
    answers = BatchKernel(model).answer(asked(newest_first), k)
    reference = PythonKernel(model)
    for history, items, scores in zip(newest_first, *answers, strict=True):
        expected = reference.top(Scoring(model).query(history), None, k)
        assert [c[0] for c in expected] == items.tolist()
        assert [c[1] for c in expected] == scores.tolist()


@pytest.mark.parametrize(("mask", "hidden"), [("none", 0), ("current", 1), ("seen", HISTORY)])
@given(newest_first=histories)
@settings(max_examples=20, deadline=None)
def test_masked_items_are_left_out_and_nothing_else(mask: str, hidden: int, newest_first: list[list[int]]) -> None:
    model = MODELS[0]
    answers = BatchKernel(model).answer(asked(newest_first), ITEMS, mask).items
    reference = PythonKernel(model)
    for history, items in zip(newest_first, answers, strict=True):
        out = set(list(dict.fromkeys(history[:HISTORY]))[:hidden])
        expected = [c[0] for c in reference.top(Scoring(model).query(history), None, ITEMS) if c[0] not in out]
        assert [i for i in items.tolist() if i >= 0] == expected


@given(seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_quantised_weights_lose_less_than_half_a_step(seed: int) -> None:
    lists = csr_array(random_array((40, 40), density=0.3, rng=seed, dtype=np.float32))
    lists.data **= 4
    stored = quantise_lists(lists)
    rows = np.repeat(np.arange(40), np.diff(stored.ends.astype(int)))
    scale = stored.scales[rows] / stored.unit
    read = csr_array((scale * (stored.weights / 255.0) ** 2, (rows, stored.neighbours)), shape=(40, 40)).toarray()
    largest = lists.toarray().max(axis=1, keepdims=True)
    # (q + 1/2)^2 - q^2 <= q + 1/4 steps of 1 / 255^2, and the scale's own rounding
    bound = largest * ((np.sqrt(lists.toarray() / np.where(largest, largest, 1)) * 255 + 1) / 255**2 + 0.001) + 1e-9
    assert (np.abs(read - lists.toarray()) <= bound).all()


def test_quantised_vectors_and_bias_use_their_range() -> None:
    vectors = np.random.default_rng(0).normal(size=(500, 64))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    stored = quantise_vectors(vectors).astype(float)
    assert np.abs(stored).max() == 127
    cosines = (stored * vectors).sum(axis=1) / np.linalg.norm(stored, axis=1)
    assert cosines.min() > 0.999
    assert quantise_vectors(np.zeros((3, 16))).any() == False  # noqa: E712
    assert quantise_bias(np.array([0.0, 3.0, 1000.0])).tolist() == [0, round(255 * np.log(4) / np.log(1001)), 255]


def test_measures_by_hand() -> None:
    answers = np.array([[5, 7], [7, 5], [1, -1]], np.int32)
    targets = np.array([7, 7, 2], np.int32)
    assert ranks_in(answers, targets).tolist() == [2, 1, 0]
    measured = measure(answers, targets, 10)
    assert measured == pytest.approx(
        {"questions": 3, "hit_rate": 2 / 3, "mrr": 1.5 / 3, "ndcg": (1 + 1 / np.log2(3)) / 3, "coverage": 0.3}
    )
    assert measure(answers, np.array([-1, -1, -1], np.int32), 10)["hit_rate"] == 0
    assert recall(answers, np.array([7, 9, 7, 2, 1], np.int32), np.array([0, 2, 3, 5])) == pytest.approx(
        (0.5 + 1 + 0.5) / 3
    )
