"""From question to answer with the reference kernel: what is dropped, pinned, boosted, spread, explained."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.answer import parse_question, render
from shared.decision import Decider
from shared.errors import NotInModel
from shared.kernels import LISTED, PythonKernel, Query
from shared.profile import Known, hash_item
from shared.rules import NO_RULES, read_rules
from shared.scoring import Scoring
from tests.models import make_model

MODEL = make_model(items=300)
KERNEL = PythonKernel(MODEL)
IDS = [MODEL.id(i) for i in range(MODEL.items)]
CATEGORY = dict(zip(IDS, MODEL.sections["column.category"], strict=True))
HISTORY = (IDS[3], IDS[7], IDS[3])


def shown(text: str = "n=12", history: tuple[str, ...] = HISTORY, **home: Any) -> list[dict[str, Any]]:
    rules = read_rules(json.dumps({"version": "1", "slots": {"home": home}})) if home else NO_RULES
    answer = json.loads(render(Decider(KERNEL, rules).decide(parse_question(text), history)))
    items: list[dict[str, Any]] = answer["items"]
    return items


def ids(items: list[dict[str, Any]]) -> list[str]:
    return [item["id"] for item in items]


def test_items_come_best_first_with_a_reason_from_the_history() -> None:
    items = shown()
    assert len(items) == 12
    assert [i["score"] for i in items] == sorted((i["score"] for i in items), reverse=True)
    assert {i["because"] for i in items} <= {IDS[3], IDS[7], None}
    assert items[0]["because"] is not None
    assert items[0]["title"]


def test_history_is_dropped_by_default_and_returns_if_allowed() -> None:
    assert not set(ids(shown())) & set(HISTORY)
    assert set(HISTORY) <= set(ids(shown("n=12&seen=allow")))
    assert set(HISTORY) <= set(ids(shown(seen="allow")))
    assert not set(HISTORY) & set(ids(shown("n=12&seen=drop", seen="allow")))


def known_of(what: str, items: list[str]) -> Known:
    return Known(frozenset(map(hash_item, items))) if what == "seen" else Known(bought=tuple(items))


def decided(known: Known, text: str = "n=20", **home: Any) -> list[str]:
    """The ids shown to a visitor of whom only ``known`` is known."""
    rules = read_rules(json.dumps({"version": "1", "slots": {"home": home}}))
    return ids(json.loads(render(Decider(KERNEL, rules).decide(parse_question(text), (), known)))["items"])


@pytest.mark.parametrize("what", ["seen", "purchased"])
def test_what_was_seen_before_or_bought_is_dropped_demoted_or_allowed_as_the_slot_says(what: str) -> None:
    everything = decided(Known(), "n=100")
    lately = [everything[0], everything[4]]
    others = [item for item in everything if item not in lately]
    known = known_of(what, lately)
    assert decided(known) == others[:20]
    assert decided(known, **{what: "demote"}) == others[:20]
    assert decided(known, **{what: "allow"}) == everything[:20]


@pytest.mark.parametrize("what", ["seen", "purchased"])
def test_what_is_demoted_comes_last_where_there_is_room(what: str) -> None:
    few = decided(Known(), "n=100&filter=price<=5")
    assert 4 < len(few) < 100
    known = known_of(what, few[:2])
    assert decided(known, "n=100&filter=price<=5", **{what: "demote"}) == few[2:] + few[:2]
    assert decided(known, "n=100&filter=price<=5") == few[2:]


def test_the_question_overrides_the_slot_on_what_was_seen() -> None:
    plain = decided(Known())
    known = known_of("seen", plain[:5])
    assert decided(known, "n=20&seen=allow") == plain
    assert decided(known, "n=20&seen=demote", seen="allow")[:15] == plain[5:]


def test_excluded_and_hidden_items_never_show_and_others_move_up() -> None:
    first = ids(shown("n=20"))
    assert ids(shown(f"n=18&exclude={first[0]},{first[5]}".replace('"', "%22"))) == first[1:5] + first[6:]
    assert ids(shown("n=19", hide=[first[0]])) == first[1:]


def test_unknown_items_in_the_history_change_nothing() -> None:
    assert shown(history=("nobody", *HISTORY, "")) == shown()


def test_without_history_the_most_popular_come() -> None:
    bias = MODEL.sections["bias"]
    expected = sorted(range(MODEL.items), key=lambda i: (-bias[i], i))[:12]
    assert ids(shown(history=())) == [IDS[i] for i in expected]


def test_filters_of_rule_and_question_both_hold() -> None:
    items = shown("n=100&filter=category=mug", filter="price>=5")
    assert items
    assert all(i["price"] >= 5 and i["title"].startswith("mug") for i in items)


def test_spread_limits_a_category_but_leaves_no_place_empty() -> None:
    spread = {"field": "category", "max": 2}
    counts = [CATEGORY[i] for i in ids(shown("n=12", spread=spread))]
    assert max(counts.count(c) for c in set(counts)) == 2
    assert len(shown("n=30", spread=spread)) == 30


def test_pins_stand_at_their_places() -> None:
    items = ids(shown("n=5", pins={"1": IDS[100], "3": IDS[101], "90": IDS[102]}))
    assert (items[0], items[2], len(items), len(set(items))) == (IDS[100], IDS[101], 5, 5)
    assert IDS[100] not in ids(shown(f"n=5&exclude={IDS[100]}".replace('"', "%22"), pins={"1": IDS[100]}))


def test_boosts_lift_and_bury() -> None:
    def mugs(**home: Any) -> int:
        return sum(CATEGORY[i] == 4 for i in ids(shown("n=12", **home)))

    assert mugs(boosts=[{"filter": "category=mug", "percent": 1000}]) > mugs() > 0
    assert mugs(boosts=[{"filter": "category=mug", "percent": 0}]) == 0
    assert CATEGORY[ids(shown("n=12", boosts=[{"filter": "category!=mug", "percent": 0}]))[0]] == 4


def test_a_filter_that_the_model_cannot_answer_is_said() -> None:
    with pytest.raises(NotInModel):
        shown("filter=colour=red")


def test_a_filter_that_nothing_satisfies_gives_an_empty_list() -> None:
    assert shown("filter=price>99999") == []


@given(st.lists(st.integers(0, 299), max_size=30))
def test_a_query_is_within_the_kernels_bounds(history: list[int]) -> None:
    asked = Scoring(MODEL).query(history)
    assert len(set(asked.items)) == len(asked.items) <= 20
    assert list(asked.items) == list(dict.fromkeys(history[:20]))
    assert all(0 <= w < 1 << 16 for w in asked.weights)
    assert all(0 <= mul < 1 << 16 and 0 <= add < 1 << 30 for mul, add in asked.revisits)


def test_repeats_count_more() -> None:
    once, twice = Scoring(MODEL).query([3, 7, 9]), Scoring(MODEL).query([3, 7, 3])
    assert twice.weights[0] > once.weights[0]
    assert twice.revisits[0][1] > once.revisits[0][1]


@settings(max_examples=30)
@given(st.lists(st.integers(0, 299), min_size=1, max_size=5, unique=True))
def test_listed_items_always_beat_unlisted_ones(items: list[int]) -> None:
    full = KERNEL.top(Scoring(MODEL).query(items), None, 300)
    listed = {
        j
        for x in items
        for j in MODEL.sections["lists.low"][MODEL.sections["lists.ends"][x] : MODEL.sections["lists.ends"][x + 1]]
    } | set(items)
    assert {c[0] for c in full[: len(listed)]} == listed
    assert all((c[1] >= LISTED) == (c[0] in listed) for c in full)


def test_ties_go_to_the_lower_index() -> None:
    model = make_model(items=64, sections={"bias": ("u8", bytes(64))})
    assert [c[0] for c in PythonKernel(model).top(Query((), (), (), ()), None, 64)] == list(range(64))
