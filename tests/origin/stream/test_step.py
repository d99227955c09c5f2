"""One step: a table of what each record does, and properties that hold for all of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.stream.step import MAX_HOPS, Duplicate, Erase, Push, Send, Step, forwarded, step
from shared.errors import BadInput
from shared.events import ERASE, MERGE_IN, MERGE_OUT, Event
from shared.profile import EMPTY, MAX_BLOB_BYTES, Profile, fold, from_blob, knows, to_blob
from tests.shared.test_profile import EVENTS, LISTS, NOW_MS, event


def kinds(taken: Step) -> list[type]:
    return [type(effect) for effect in taken.effects]


def stepped(profile: Profile, *events: Event) -> Profile:
    for each in events:
        profile = step(profile, each, NOW_MS).profile
    return profile


ANNA = fold(EMPTY, event(item="a", at_s=-60))
OUT = Event("m1", "v", MERGE_OUT, NOW_MS, details={"into": "w"})


@pytest.mark.parametrize(
    ("kind", "item", "effects"),
    [
        ("view", "b", [Push]),
        ("view", "a", []),
        ("purchase", "a", [Push]),
        ("cart", "b", [Push]),
        ("uncart", "b", []),
        ("impression", "b", []),
        ("search", "", []),
    ],
)
def test_pushes_what_an_answer_depends_on(kind: str, item: str, effects: list[type]) -> None:
    taken = step(ANNA, event(kind, item), NOW_MS)
    assert kinds(taken) == effects
    assert taken.profile.events == 2


def test_a_repeated_event_is_a_duplicate() -> None:
    assert step(ANNA, event(item="a", at_s=-60), NOW_MS) == Step(ANNA, (Duplicate("view-a--60"),))
    assert kinds(step(ANNA, event(item="a", at_s=-60), NOW_MS)) == [Duplicate]


def test_a_time_to_come_counts_as_now() -> None:
    assert step(EMPTY, event(at_s=10**9), NOW_MS).profile.last_s == NOW_MS // 1000


@pytest.mark.parametrize(
    "hostile",
    [
        event(item="a,b"),
        event(item="x" * 1000),
        event("view", "a", category=["tea"]),
        event("purchase", "a", value=1e300),
        event("purchase", "a", value="1"),
        event("dwell", "a", seconds="1"),
        event("profile", "", attributes={"a": {}}),
        Event("m", "v", MERGE_OUT, NOW_MS),
        Event("m", "v", MERGE_OUT, NOW_MS, details={"into": ""}),
        Event("m", "v", MERGE_IN, NOW_MS, details={"profile": b"\xc1"}),
        Event("m", "v", MERGE_IN, NOW_MS, details={"profile": bytes(MAX_BLOB_BYTES + 1)}),
        Event("m", "v", MERGE_IN, NOW_MS),
    ],
)
def test_hostile_records_raise(hostile: Event) -> None:
    with pytest.raises((BadInput, KeyError)):
        step(ANNA, hostile, NOW_MS)


@given(LISTS)
def test_replaying_any_prefix_changes_nothing(events: list[Event]) -> None:
    after = stepped(EMPTY, *events)
    assert after.events == len(events)
    for length in range(len(events)):
        taken = step(after, events[length], NOW_MS)
        assert taken.profile is after
        assert kinds(taken) == [Duplicate]


def test_erasing_leaves_nothing() -> None:
    erase = Event("receipt", "v", ERASE, NOW_MS)
    assert step(ANNA, erase, NOW_MS) == Step(EMPTY, (Push("v"), Erase("v", "receipt")))
    assert kinds(step(EMPTY, erase, NOW_MS)) == [Erase]


def test_erasing_who_was_merged_goes_on_to_whom() -> None:
    stub = step(ANNA, OUT, NOW_MS).profile
    taken = step(stub, Event("receipt", "v", ERASE, NOW_MS), NOW_MS)
    assert taken.profile == EMPTY
    assert kinds(taken) == [Send, Push, Erase]
    send, _, erase = taken.effects
    assert isinstance(send, Send)
    assert (send.event.id, send.event.visitor, send.event.type) == ("receipt", "w", ERASE)
    assert erase == Erase("v", ""), "the receipt is written where the erasure ends"


def test_an_erasure_reaches_those_who_were_merged_into_the_visitor() -> None:
    out = step(ANNA, OUT, NOW_MS)
    assert isinstance(out.effects[0], Send)
    both = step(EMPTY, out.effects[0].event, NOW_MS).profile
    assert both.merged == ("v",)
    erased = step(both, Event("receipt", "w", ERASE, NOW_MS), NOW_MS)
    assert erased.profile == EMPTY
    send, _, erase = erased.effects
    assert erase == Erase("w", "receipt")
    assert isinstance(send, Send)
    assert (send.event.visitor, send.event.type) == ("v", ERASE)
    assert step(out.profile, send.event, NOW_MS) == Step(EMPTY, (Erase("v", ""),))
    assert step(ANNA, send.event, NOW_MS) == Step(ANNA), "a visitor on their own again is another one"


def test_merging_moves_everything_and_leaves_a_sign() -> None:
    taken = step(ANNA, OUT, NOW_MS)
    send = taken.effects[0]
    assert isinstance(send, Send)
    moved = send.event
    assert (moved.id, moved.visitor, moved.type, moved.time_ms) == ("m1", "w", MERGE_IN, NOW_MS)
    assert from_blob(moved.details["profile"]) == ANNA
    assert taken.profile == Profile(last_s=ANNA.last_s, ids=taken.profile.ids, into="w")
    assert knows(taken.profile, "m1")
    assert kinds(step(taken.profile, OUT, NOW_MS)) == [Duplicate]

    bert = fold(EMPTY, event(item="b", at_s=-30))
    merged = step(bert, moved, NOW_MS)
    assert merged.profile.items == ("b", "a")
    assert kinds(merged) == [Push]
    assert kinds(step(merged.profile, moved, NOW_MS)) == [Duplicate]
    assert kinds(step(merged.profile, event(item="a", at_s=-60)._replace(visitor="w"), NOW_MS)) == [Duplicate]


def test_later_events_follow() -> None:
    stub = step(ANNA, OUT, NOW_MS).profile
    late = event(item="c")
    taken = step(stub, late, NOW_MS)
    assert taken.effects == (Send(late._replace(visitor="w", details={"hops": 1})),)
    assert kinds(step(taken.profile, late, NOW_MS)) == [Duplicate]
    again = step(stub, Event("m2", "v", MERGE_OUT, NOW_MS, details={"into": "x"}), NOW_MS)
    assert again.effects == (Send(Event("m2", "w", MERGE_OUT, NOW_MS, details={"into": "x", "hops": 1})),)


def test_an_event_does_not_follow_for_ever() -> None:
    on_its_way = event()
    for _ in range(MAX_HOPS):
        on_its_way = forwarded(on_its_way, "w")
    with pytest.raises(BadInput) as refused:
        forwarded(on_its_way, "w")
    assert refused.value.code == "too_many_hops"


def test_merging_into_oneself_or_twice_does_nothing() -> None:
    assert kinds(step(ANNA, OUT._replace(visitor="w"), NOW_MS)) == [Duplicate]
    stub = step(ANNA, OUT, NOW_MS).profile
    assert kinds(step(stub, OUT._replace(id="m9"), NOW_MS)) == [Duplicate]


@given(st.permutations("abcd"), st.lists(EVENTS, max_size=8, unique_by=lambda e: e.id))
def test_merging_in_a_circle_keeps_everything_once(names: list[str], events: list[Event]) -> None:
    """Each has some events; each is merged into the next, the last one into the first; later events still arrive."""
    profiles = dict.fromkeys(names, EMPTY)
    queue = [each._replace(visitor=names[n % 4]) for n, each in enumerate(events)]
    for n, name in enumerate(names):
        queue.append(Event(f"m{n}", name, MERGE_OUT, NOW_MS, details={"into": names[(n + 1) % 4]}))
        deliver(profiles, queue)
    queue = [event(item="z", event_id=f"late {name}")._replace(visitor=name) for name in names]
    deliver(profiles, queue)
    assert sum(profile.events for profile in profiles.values()) == len(events) + 4
    assert len([profile for profile in profiles.values() if not profile.into]) == 1


def deliver(profiles: dict[str, Profile], queue: list[Event]) -> None:
    while queue:
        each = queue.pop(0)
        taken = step(profiles[each.visitor], each, NOW_MS)
        profiles[each.visitor] = taken.profile
        queue += [effect.event for effect in taken.effects if isinstance(effect, Send)]


@given(LISTS, LISTS)
def test_a_merged_profile_can_be_kept(some: list[Event], others: list[Event]) -> None:
    moved = step(stepped(EMPTY, *some), OUT, NOW_MS).effects[0]
    assert isinstance(moved, Send)
    both = step(stepped(EMPTY, *others), moved.event, NOW_MS).profile
    assert from_blob(to_blob(both)) == both
    assert len(to_blob(both)) <= MAX_BLOB_BYTES
