"""Questions from query strings (golden vectors) and answers as JSON."""

import contextlib
import json
from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.answer import Answer, Question, key, parse_question, render
from shared.errors import BadInput, problem
from shared.filters import parse_filter, render_filter
from shared.kernels import NO_CAUSE
from shared.model import card
from shared.showing import show
from tests.models import make_model
from tests.vectors import VECTORS

VECTOR = json.loads((VECTORS / "questions.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", VECTOR["good"], ids=lambda case: case["query"])
def test_good_question(case: dict[str, Any]) -> None:
    question = parse_question(case["query"])
    read = question._asdict() | {
        "items": None if question.items is None else list(question.items),
        "exclude": list(question.exclude),
        "filter": render_filter(question.filter),
    }
    assert read == case["question"]


@pytest.mark.parametrize("case", VECTOR["bad"], ids=lambda case: case["query"][:40])
def test_bad_question_says_what_is_wrong(case: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as refused:
        parse_question(case["query"])
    assert refused.value.code == case["code"]
    told = json.loads(problem(refused.value))
    assert told["status"] == 400
    assert told["code"] == case["code"]
    assert told["retry"] is False


@given(
    st.text(max_size=300)
    | st.lists(st.sampled_from(["n=", "items=", "filter=", "%", "&", "a", "=", "é", ","])).map("".join)
)
def test_any_query_is_parsed_or_refused(query: str) -> None:
    with contextlib.suppress(BadInput):
        assert isinstance(parse_question(query), Question)


def test_a_query_of_10_000_ids_is_refused() -> None:
    with pytest.raises(BadInput) as refused:
        parse_question("items=" + ",".join(map(str, range(10_000))))
    assert refused.value.status == 414


IDS = st.lists(
    st.text(st.characters(exclude_characters=",", categories=["L", "N", "P"]), min_size=1, max_size=8), max_size=3
)
QUESTIONS = st.builds(
    Question,
    slot=st.sampled_from(["home", "cart"]),
    n=st.integers(1, 100),
    items=IDS.map(tuple),
    exclude=IDS.map(tuple),
    filter=st.sampled_from(["", "price<5", "price<5;category=mug"]).map(parse_filter),
    seen=st.sampled_from([None, "drop"]),
)


@given(QUESTIONS, QUESTIONS)
def test_keys_differ_exactly_where_answers_may(a: Question, b: Question) -> None:
    def parts(q: Question) -> tuple[object, ...]:
        return q.slot, q.n, q.items, sorted(q.exclude), q.filter, q.seen

    assert (key(a, a.items or (), "m", "r", None) == key(b, b.items or (), "m", "r", None)) == (parts(a) == parts(b))


def test_rendered_answer_is_json_as_documented() -> None:
    model = make_model(
        items=2,
        sections={
            "ids.text": ("u8", b'8"Ab'),
            "ids.ends": ("u32", array("I", [0, 3, 4])),
            "cards.text": ("u8", card('8"A', '"title":"Ü"') + card("b")),
            "cards.ends": ("u32", array("I", [0, 24, 32])),
        },
    )
    scale = model.blend.score_scale
    items = show(
        model, [1, 0], [(0, scale * 91 // 100, 0), (1, -scale // 1000, 1), (0, 0, NO_CAUSE), (1, -1, NO_CAUSE)]
    )
    assert json.loads(render(Answer("home", "v1-abc", None, items))) == {
        "items": [
            {"id": '8"A', "title": "Ü", "score": 0.91, "because": "b"},
            {"id": "b", "score": -0.001, "because": '8"A'},
            {"id": '8"A', "title": "Ü", "score": 0, "because": None},
            {"id": "b", "score": 0, "because": None},
        ],
        "slot": "home",
        "model": "v1-abc",
        "variant": None,
    }


@pytest.mark.parametrize(
    ("score", "text"),
    [(0, "0.0000"), (49, "0.0000"), (50, "0.0001"), (-50, "0.0000"), (-51, "-0.0001"), (123_456_749, "123.4567")],
)
def test_scores_have_four_decimals_rounded_half_up(score: int, text: str) -> None:
    assert f'"score":{text},' in show(make_model(items=2), [], [(0, score, NO_CAUSE)])
