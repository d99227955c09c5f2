"""Counting, weighting and cutting lists, on examples small enough to work out by hand."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from origin.training.count import count, gather, popularity, recent_popularity
from origin.training.lists import normalise, truncate, weigh
from origin.training.sessions import Sessions, next_item_questions
from origin.training.settings import FOREVER, Counting, Weighting
from origin.training.smooth import second_order

PLAIN = Counting(tau=FOREVER, length=0, gap=0, back=0)
A, B, C = 0, 1, 2


def made(*sessions: list[int]) -> Sessions:
    events = np.array([item for session in sessions for item in session], np.int32)
    return Sessions(events, np.cumsum([0, *map(len, sessions)]))


AGED = float(np.exp(-0.5))  # the first of two sessions, half the period before the end, tau 1


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (PLAIN, [[1, 2, 0], [1, 0, 0], [1, 1, 0]]),
        (PLAIN._replace(back=0.5), [[1.5, 2.5, 0.5], [2, 0, 0.5], [1, 1, 0]]),
        (PLAIN._replace(gap=1), [[0.5, 2, 0], [1, 0, 0], [1, 0.5, 0]]),
        (PLAIN._replace(length=1), [[1 / 3, 2 / 3, 0], [1 / 3, 0, 0], [1 / 3, 1 / 3, 0]]),
        (PLAIN._replace(tau=1), [[AGED, 1 + AGED, 0], [AGED, 0, 0], [1, 1, 0]]),
    ],
)
def test_counts_by_hand(how: Counting, expected: list[list[float]]) -> None:
    pairs = gather(made([A, B, A], [C, A, B]), 3)
    np.testing.assert_allclose(count(pairs, how).toarray(), expected, rtol=1e-6)


def test_pairs_reach_fifteen_events_and_no_further() -> None:
    far = made([A, *range(3, 18), B])
    counted = count(gather(far, 18), PLAIN)
    assert counted[A, 17] == 1
    assert counted[A, B] == 0


def test_popularity_and_its_recent_share() -> None:
    sessions = made([A], [A, B], *[[B]] * 8)
    assert popularity(sessions, 3).tolist() == [2, 9, 0]
    assert recent_popularity(sessions, 3, share=0.1).tolist() == [0, 10, 0]


def test_weights_by_hand() -> None:
    counts = csr_array(np.array([[4.0, 12.0], [1.0, 0.0]]))
    how = Weighting(alpha=0.5, shrink=0, beta=1, power=2, trend=0, itself=0.5)
    weighed = weigh(counts, np.array([1, 3]), np.array([1, 10], np.float32), how)
    own = 0.5 * (4 / (4 * 2)) ** 2
    other = 10 * (12 / (4 * 4)) ** 2
    np.testing.assert_allclose(weighed.toarray(), [[own, other], [(1 / 2) ** 2, 0]], rtol=1e-6)


def test_truncation_keeps_the_largest_and_breaks_ties_by_item() -> None:
    lists = csr_array(np.array([[1, 3, 2, 3], [0, 0, 5, 0], [0, 0, 0, 0], [2, 2, 2, 2]], np.float32))
    kept = truncate(lists, 2)
    assert kept.toarray().tolist() == [[0, 3, 0, 3], [0, 0, 5, 0], [0, 0, 0, 0], [2, 2, 0, 0]]


def test_normalised_rows_sum_to_one_on_average_over_rows_that_hold_anything() -> None:
    lists = normalise(csr_array(np.array([[1, 3], [0, 0], [8, 0]], np.float32)[:, [0, 1]]))
    assert lists.toarray().sum() == pytest.approx(2)


def test_neighbours_of_neighbours_by_hand() -> None:
    source = csr_array(np.array([[0, 1, 0], [1, 0, 3], [0, 2, 0]], np.float32))
    assert second_order(source).toarray().tolist() == [[0, 0, 0.75], [0, 0, 0], [0.25, 0, 0]]


def test_questions_hold_distinct_items_newest_first_with_their_clicks() -> None:
    asked = next_item_questions(made([A, B, A, C], [B]))
    assert asked.targets.tolist() == [B, A, C]
    assert asked.items[:, :3].tolist() == [[A, -1, -1], [B, A, -1], [A, B, -1]]
    assert asked.counts[:, :3].tolist() == [[1, 0, 0], [1, 1, 0], [2, 1, 0]]
    assert asked.clicks.tolist() == [1, 2, 3]
    assert asked.distinct.tolist() == [1, 2, 2]


def test_unknown_items_are_asked_for_but_not_in_histories() -> None:
    asked = next_item_questions(made([A, -1, B], [-1, C]))
    assert asked.targets.tolist() == [-1, B, C]
    assert asked.items[:, :2].tolist() == [[A, -1], [A, -1], [-1, -1]]
