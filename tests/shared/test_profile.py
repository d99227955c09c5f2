"""The profile: folding is exact, bounded and blind to order and repetition; merging loses and doubles nothing."""

import math
from collections import Counter
from itertools import groupby

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from shared.blend import HISTORY
from shared.errors import BadInput
from shared.events import CODES, KINDS, Context, Event
from shared.profile import (
    EMPTY,
    HALF_LIFE_S,
    MAX_ATTRIBUTES,
    MAX_BLOB_BYTES,
    MAX_BOUGHT,
    MAX_IDS,
    MAX_INTERESTS,
    MAX_SEEN,
    Profile,
    decay,
    describe,
    engagement,
    fold,
    from_blob,
    hash_item,
    known,
    knows,
    merge,
    recall,
    remember,
    to_blob,
)

DAY_S = 24 * 3600
NOW_MS = 1_732_100_000_000
NEEDED = {
    "search": {"query": "tea"}, "rating": {"rating": 4}, "dwell": {"seconds": 30}, "custom": {"name": "x"},
    "profile": {"attributes": {"size": "M"}},
}  # fmt: skip


def event(kind: str = "view", item: str = "a", at_s: float = 0, event_id: str = "", **details: object) -> Event:
    """An event ``at_s`` seconds after a fixed moment, whose id follows from the rest unless it is given."""
    event_id = event_id or f"{kind}-{item}-{at_s}"
    return Event(event_id, "v", kind, NOW_MS + int(at_s * 1000), item, NEEDED.get(kind, {}) | details)


def folded(*events: Event, onto: Profile = EMPTY) -> Profile:
    for each in events:
        onto = fold(onto, each)
    return onto


ITEMS = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters=","), min_size=1, max_size=64)
DETAILS = st.fixed_dictionaries(
    {
        "seconds": st.floats(0, 86_400),
        "rating": st.floats(0, 10),
        "attributes": st.dictionaries(ITEMS, st.none() | st.booleans() | st.integers(-9, 9) | ITEMS, max_size=16),
        "query": st.just("tea"),
        "name": st.just("share"),
    },
    optional={"category": ITEMS, "value": st.floats(0, 1e9) | st.integers(0, 10**9)},
)
EVENTS = st.builds(
    Event,
    id=st.uuids().map(str),
    visitor=st.just("v"),
    type=st.sampled_from(list(KINDS)),
    time_ms=st.integers(NOW_MS - 40 * DAY_S * 1000, NOW_MS) | st.integers(1, NOW_MS),
    item=st.sampled_from("abcdefgh") | ITEMS,
    details=DETAILS,
    context=st.builds(Context, country=st.just("DE"), bot=st.booleans(), received_ms=st.integers(0, NOW_MS)),
)
LISTS = st.lists(EVENTS, max_size=50, unique_by=lambda e: e.id)
PROFILES = LISTS.map(lambda events: folded(*events))


@given(PROFILES, LISTS)
def test_counts_are_of_distinct_events_and_a_replay_changes_nothing(before: Profile, events: list[Event]) -> None:
    after = folded(*events, onto=before)
    assert after.events == before.events + len(events)
    counts = Counter(e.type for e in events)
    gained = describe(after, 0)["counts"].items() - describe(before, 0)["counts"].items()
    assert all(after.counts[CODES[kind]] == before_count(before, kind) + counts[kind] for kind, _ in gained)
    for length in (1, len(events) // 2, len(events)):
        assert folded(*events[:length], onto=after) is after, "the ids of 50 events are remembered"


def before_count(profile: Profile, kind: str) -> int:
    code = CODES[kind]
    return profile.counts[code] if code < len(profile.counts) else 0


@given(PROFILES, PROFILES)
def test_a_blob_gives_the_profile_back(profile: Profile, other: Profile) -> None:
    for each in (profile, merge(profile, other)):
        assert from_blob(to_blob(each)) == each


@given(PROFILES, st.data())
def test_order_does_not_matter_to_the_recent_list_and_the_counts(before: Profile, data: st.DataObject) -> None:
    assume(before.last_s < NOW_MS // 1000)
    items = data.draw(st.lists(ITEMS, max_size=30, unique=True))
    items = [f"new {item}"[:64] for item in items]
    events = [event("click", item, at_s=n + 1) for n, item in enumerate(dict.fromkeys(items))]
    shuffled = data.draw(st.permutations(events))
    one, other = folded(*events, onto=before), folded(*shuffled, onto=before)
    assert (other.items, other.kinds, other.times) == (one.items, one.kinds, one.times)
    for name in ("counts", "last_s", "first_s", "bought", "value", "minutes", "hours", "bot", "attributes"):
        assert getattr(other, name) == getattr(one, name)
    assert all(knows(other, each.id) for each in events)


@given(PROFILES, PROFILES)
def test_merging_loses_and_doubles_nothing(one: Profile, other: Profile) -> None:
    both = merge(one, other)
    assert both.events == one.events + other.events
    assert both.value == one.value + other.value
    assert both.sessions == one.sessions + other.sessions
    assert both.last_s == max(one.last_s, other.last_s)
    assert set(both.items) <= {*one.items, *other.items}
    seen = known(both).seen
    for item in {*one.items, *other.items} - set(both.items):
        assert hash_item(item) in seen
    assert len(both.seen) == 3 * MAX_SEEN or known(one).seen | known(other).seen <= seen
    assert set(both.bought) == {*one.bought, *other.bought} or len(both.bought) == MAX_BOUGHT
    assert_sound(both)


@given(PROFILES)
def test_merging_with_nobody_changes_nothing(profile: Profile) -> None:
    heaviest_first = tuple(sorted(profile.interests, key=lambda pair: (-pair[1], pair[0])))
    assert merge(profile, EMPTY) == profile._replace(interests=heaviest_first)
    assert merge(EMPTY, profile) == profile._replace(interests=heaviest_first)


@given(LISTS)
def test_whatever_is_sent_a_profile_is_sound(events: list[Event]) -> None:
    assert_sound(folded(*events))


def assert_sound(profile: Profile) -> None:
    """What every reader relies on."""
    assert len(profile.items) == len(profile.kinds) == len(profile.times) <= HISTORY
    assert all(a >= b for a, b in zip((profile.last_s, *profile.times), profile.times, strict=False))
    assert len(list(groupby(profile.items))) == len(profile.items), "an item twice in a row is one"
    assert len(profile.seen) % 3 == 0
    assert len(profile.seen) <= 3 * MAX_SEEN
    assert len(profile.ids) % 4 == 0
    assert len(profile.ids) <= 4 * MAX_IDS
    assert len(profile.bought) == len(set(profile.bought)) <= MAX_BOUGHT
    assert len(profile.interests) <= MAX_INTERESTS
    assert all(weight > 0 for _, weight in profile.interests)
    assert len(profile.attributes) <= MAX_ATTRIBUTES
    assert profile.warmth >= 0
    assert len(profile.minutes) <= 5
    assert len(profile.hours) <= 8
    assert len(to_blob(profile)) <= MAX_BLOB_BYTES
    describe(profile, profile.last_s)


def test_the_largest_profile_has_its_bound() -> None:
    def wide(n: int) -> str:
        return chr(0x20000 + n) * 64

    profile = EMPTY
    for n in range(70):
        profile = fold(profile, event("purchase", wide(n), n, category=wide(n), value=1e9))
        profile = fold(profile, event("profile", "", n, attributes={wide(n): wide(n)}))
    profile = profile._replace(into=wide(0))
    assert_sound(profile)
    assert len(to_blob(profile)) > MAX_BLOB_BYTES * 3 // 4, "the bound is no idle one"


def test_an_ordinary_profile_is_small() -> None:
    events = [event("view", f"8512{n}A", 60 * n, category=f"kind {n % 4}") for n in range(40)]
    assert len(to_blob(folded(*events))) <= 640


def test_recent_items_newest_first_repeats_stay_twice_in_a_row_is_one() -> None:
    profile = folded(event(item="a", at_s=1), event(item="b", at_s=2), event(item="a", at_s=3))
    assert profile.items == ("a", "b", "a")
    profile = folded(event("cart", "a", 4), event("view", "a", 5), event("search", "", 6), onto=profile)
    assert profile.items == ("a", "b", "a")
    assert profile.kinds[0] == CODES["cart"], "of what happened in a row the strongest stays"
    assert profile.times[0] == NOW_MS // 1000 + 5


@pytest.mark.parametrize("kind", ["impression", "search", "custom", "profile", "uncart"])
def test_some_kinds_make_no_recent_item(kind: str) -> None:
    assert folded(event(kind, "a")).items == ()
    assert folded(event(kind, "a")).events == 1


def test_a_late_event_is_put_where_it_belongs() -> None:
    profile = folded(event(item="a", at_s=100), event(item="c", at_s=300), event(item="b", at_s=200))
    assert profile.items == ("c", "b", "a")
    assert profile.last_s == NOW_MS // 1000 + 300
    assert folded(event(item="z", at_s=-500), onto=profile).items == ("c", "b", "a", "z")


def test_what_falls_off_the_recent_items_is_seen() -> None:
    profile = folded(*(event(item=f"i{n}", at_s=n) for n in range(HISTORY + 3)))
    assert len(profile.items) == HISTORY
    assert known(profile).seen == {hash_item("i0"), hash_item("i1"), hash_item("i2")}
    for n in range(100):
        profile = fold(profile, event(item=f"j{n}", at_s=100 + n))
    assert len(profile.seen) == 3 * MAX_SEEN
    assert hash_item("i0") not in known(profile).seen


def test_purchases() -> None:
    profile = folded(
        event("purchase", "a", 1, value=2.5, quantity=2), event("purchase", "b", 2), event("purchase", "a", 3, value=1)
    )
    assert profile.bought == ("a", "b")
    assert profile.value == 350
    profile = folded(*(event("purchase", f"i{n}", n) for n in range(MAX_BOUGHT + 5)), onto=profile)
    assert len(profile.bought) == MAX_BOUGHT


def test_sessions() -> None:
    profile = folded(event(at_s=0), event(item="b", at_s=1700), event(item="c", at_s=3400))
    assert (profile.sessions, profile.session_events) == (1, 3)
    profile = folded(event(item="d", at_s=3400 + 1801), event(item="e", at_s=3000), onto=profile)
    assert profile.sessions == 2
    assert profile.session_s == NOW_MS // 1000 + 3400 + 1801
    assert profile.session_events == 1, "a late event of the session before does not count for this one"


def test_windows_forget() -> None:
    profile = folded(*(event(item=f"i{n}", at_s=n) for n in range(10)))
    assert (profile.in_ten_minutes, profile.in_a_day) == (10, 10)
    later = fold(profile, event(item="z", at_s=1200))
    assert (later.in_ten_minutes, later.in_a_day) == (1, 11)
    assert fold(profile, event(item="z", at_s=2 * DAY_S)).in_a_day == 1
    assert fold(profile, event(item="z", at_s=-2 * DAY_S)).in_a_day == 10, "too old to count"


def test_a_window_counts_to_255() -> None:
    profile = folded(*(event("impression", "", event_id=str(n)) for n in range(300)))
    assert (profile.in_ten_minutes, profile.events) == (255, 300)


def test_interest_halves_in_a_week() -> None:
    profile = folded(event("cart", "a", 0, category="tea"))
    assert profile.interests == (("tea", 12 * 256),)
    later = fold(profile, event("impression", "", HALF_LIFE_S))
    assert later.interests == (("tea", 6 * 256),)
    assert later.warmth == 6 * 256
    late = fold(fold(EMPTY, event("impression", "", HALF_LIFE_S)), event("cart", "a", 0, category="tea"))
    assert late.interests == later.interests, "an event that comes late has decayed on its way"


def test_an_interest_can_be_taken_back() -> None:
    profile = folded(event("view", "a", 0, category="tea"), event("uncart", "a", 1, category="tea"))
    assert profile.interests == ()
    assert profile.warmth == 0
    assert folded(event("rating", "a", 0, rating=0, category="tea")).interests == ()


def test_only_the_heaviest_interests_are_kept() -> None:
    profile = folded(*(event("cart", "a", n, category=f"c{n}") for n in range(6)))
    assert "light" not in dict(fold(profile, event("view", "a", 7, category="light")).interests)
    assert "heavy" in dict(fold(profile, event("purchase", "a", 7, category="heavy")).interests)


@given(st.integers(-(2**40), 2**40), st.integers(0, 60 * HALF_LIFE_S))
@example(1000, HALF_LIFE_S)
def test_decay_is_the_power_of_two_to_a_64th(weight: int, age_s: int) -> None:
    exact = weight * 2 ** -(age_s / HALF_LIFE_S)
    assert math.isclose(decay(weight, age_s), exact, rel_tol=0.012, abs_tol=1)
    assert decay(-weight, age_s) == -decay(weight, age_s)


def test_attributes_are_set_and_taken_back() -> None:
    profile = folded(event("profile", "", 1, attributes={"size": "M", "vip": True}))
    profile = folded(event("profile", "", 2, attributes={"size": None, "n": 1.5}), onto=profile)
    assert profile.attributes == (("n", 1.5), ("vip", True))


def test_a_bot_stays_one() -> None:
    profile = fold(EMPTY, event()._replace(context=Context(bot=True)))
    assert fold(profile, event(item="b", at_s=1)).bot


def test_an_id_is_known_for_a_while() -> None:
    profile = remember(EMPTY, "first")
    assert knows(profile, "first")
    assert not knows(profile, "other")
    assert fold(profile, event(event_id="first")) is profile
    for n in range(MAX_IDS):
        profile = remember(profile, str(n))
    assert not knows(profile, "first")


def test_ids_are_found_at_their_places_only() -> None:
    hashes = remember(remember(EMPTY, "one"), "two").ids
    assert not knows(EMPTY._replace(ids=hashes[1:] + hashes[:1]), "one")


def test_merging_interleaves_by_time() -> None:
    one = folded(event(item="a", at_s=1), event("cart", "c", 3))
    other = folded(event(item="b", at_s=2, event_id="x"), event("view", "c", 4))
    both = merge(one, other)
    assert both.items == ("c", "b", "a")
    assert both.kinds[0] == CODES["cart"]
    assert both.times[0] == NOW_MS // 1000 + 4
    assert knows(both, "x")
    assert merge(one._replace(attributes=(("a", 1),)), other._replace(attributes=(("a", 2), ("b", 3)))).attributes == (
        ("a", 1),
        ("b", 3),
    )


def test_merging_a_profile_that_a_later_release_wrote() -> None:
    later = EMPTY._replace(counts=(*[0] * len(KINDS), 5), last_s=9, first_s=9)
    assert merge(folded(event()), later).events == 6


def test_engagement_is_half_at_a_dozen_views() -> None:
    profile = folded(*(event(item=f"i{n}", at_s=n / 1000) for n in range(12)))
    assert engagement(profile, profile.last_s) == 50
    assert engagement(profile, profile.last_s + HALF_LIFE_S) == 33
    assert engagement(EMPTY, 9) == 0


def test_the_requests_history_is_the_newer_one() -> None:
    profile = folded(event(item="a", at_s=1), event(item="b", at_s=2), event(item="c", at_s=3))
    assert recall((), profile) == ("c", "b", "a")
    assert recall(("b", "x"), profile) == ("b", "x", "c", "a")
    assert len(recall(tuple(f"i{n}" for n in range(HISTORY)), profile)) == HISTORY


@given(st.binary(max_size=300))
def test_any_bytes_are_a_profile_or_our_error(data: bytes) -> None:
    try:
        from_blob(data)
    except BadInput as error:
        if error.code != "bad_profile":
            raise


@given(PROFILES, st.data())
def test_a_cut_blob_is_refused_and_a_longer_one_read(profile: Profile, data: st.DataObject) -> None:
    blob = to_blob(profile)
    with pytest.raises(BadInput):
        from_blob(blob[: data.draw(st.integers(0, len(blob) - 1))])
    count = int.from_bytes(blob[1:3], "big")
    assert from_blob(blob[:1] + (count + 1).to_bytes(2, "big") + blob[3:] + b"\x07") == profile, "of a later release"
