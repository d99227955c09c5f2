"""Rules files: read, or refused with the place of what is wrong."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadInput
from shared.rules import Boost, Rules, SlotRules, Spread, read_rules

WHOLE = {
    "version": "2026-11-21",
    "slots": {
        "home": {
            "seen": "allow",
            "filter": "price>0",
            "hide": ["22423"],
            "pins": {"2": "85123A", "1": "47566"},
            "boosts": [{"filter": "category=candles", "percent": 120}],
            "spread": {"field": "category", "max": 3},
        },
        "*": {},
    },
}


def test_a_whole_file() -> None:
    rules = read_rules(json.dumps(WHOLE))
    home = rules.slot("home")
    assert (home.seen, home.hide, home.pins) == ("allow", ("22423",), ((1, "47566"), (2, "85123A")))
    assert home.spread == Spread("category", 3)
    assert isinstance(home.boosts[0], Boost)
    assert rules.slot("basket") == SlotRules()


def test_the_star_holds_for_slots_without_an_entry() -> None:
    rules = read_rules('{"version":"1","slots":{"home":{},"*":{"hide":["x"]}}}')
    assert rules.slot("home").hide == ()
    assert rules.slot("cart").hide == ("x",)
    assert Rules().slot("cart") == SlotRules()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "not JSON"),
        ("[]", "must be an object"),
        ("{}", "version is missing"),
        ('{"version":"a b"}', "version must be"),
        ('{"version":"1","slot":{}}', "unknown field 'slot'"),
        ('{"version":"1","slots":{"HOME":{}}}', "not a slot name"),
        ('{"version":"1","slots":{"home":{"seen":"maybe"}}}', "slot home: seen"),
        ('{"version":"1","slots":{"home":{"hide":[1]}}}', "named by strings"),
        ('{"version":"1","slots":{"home":{"pins":{"0":"a"}}}}', "places 1 to 100"),
        (
            '{"version":"1","slots":{"home":{"boosts":[{"filter":"a=1","percent":true}]}}}',
            "percent must be of type int",
        ),
        ('{"version":"1","slots":{"home":{"boosts":[{"filter":"a=1"}]}}}', "boost 0: percent is missing"),
        ('{"version":"1","slots":{"home":{"filter":"what"}}}', "cannot read the condition"),
        ('{"version":"1","slots":{"home":{"spread":{"field":"category","max":0}}}}', "at least 1"),
    ],
)
def test_what_is_wrong_is_named(text: str, complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint):
        read_rules(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda x: (
        st.lists(x, max_size=3)
        | st.dictionaries(
            st.sampled_from(["version", "slots", "home", "hide", "pins", "spread", "boosts", "filter", "seen", "1"]),
            x,
            max_size=4,
        )
    ),
)


@given(JSON.map(json.dumps))
def test_any_json_is_read_or_refused(text: str) -> None:
    try:
        rules = read_rules(text)
    except BadInput:
        return
    assert isinstance(rules, Rules)
