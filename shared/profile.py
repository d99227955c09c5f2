"""What is remembered of a visitor: one small value, folded from events, kept as one blob.

Times in a profile are whole epoch seconds, of the events themselves: an event that comes late is put where it belongs.
All arithmetic is on integers, so every platform folds the same profile from the same events.
"""

from binascii import crc32
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, NamedTuple

import msgpack

from shared.blend import HISTORY
from shared.errors import BadInput
from shared.events import CODES, KINDS, Event

VERSION = 1
MAX_SEEN = 32
"""Items seen before the recent ones, each remembered by three bytes."""
MAX_BOUGHT = 16
MAX_INTERESTS = 6
MAX_ATTRIBUTES = 16
MAX_MERGED = 8
MAX_IDS = 64
"""Event ids remembered to recognise one that is sent again, each by four bytes."""
SESSION_S = 30 * 60
"""So long without an event ends a session."""
MAX_BLOB_BYTES = 24 * 1024
"""Of one profile, whatever is sent; an ordinary one has 100 to 500."""
HALF_LIFE_S = 7 * 24 * 3600
"""Of interest in a category."""

_TEN_MINUTES = (5, 120)
_DAY = (8, 3 * 3600)
_RECENT = frozenset(CODES[name] for name, kind in KINDS.items() if kind.weight > 0)
_WEIGHTS = tuple(kind.weight for kind in KINDS.values())
_VIEW, _CLICK, _BUY, _RATE, _DWELL, _SET = (
    CODES[n] for n in ("view", "click", "purchase", "rating", "dwell", "profile")
)
_STRENGTH = tuple(max(0, kind.weight) for kind in KINDS.values())
_UNIT = 256
_NONE = b""


class Profile(NamedTuple):
    """Everything Doorstep remembers of one visitor. Bounded, whatever is sent."""

    last_s: int = 0
    """Time of the newest event; the reference of everything that decays."""
    first_s: int = 0
    items: tuple[str, ...] = ()
    """The last items, newest first, at most 20; a repeat stays, an item twice in a row is one."""
    kinds: bytes = b""
    """What happened to each of ``items``, as codes of :data:`shared.events.CODES`: the strongest, if several did."""
    times: tuple[int, ...] = ()
    """When, in seconds, not increasing."""
    seen: bytes = b""
    """Hashes of older items, three bytes each, newest first."""
    bought: tuple[str, ...] = ()
    """Items bought, newest first."""
    interests: tuple[tuple[str, int], ...] = ()
    """Categories and their weight as of ``last_s``, heaviest first; a view weighs 4 x 256."""
    warmth: int = 0
    """The sum of all weights as of ``last_s``, decayed likewise: how engaged the visitor is."""
    counts: tuple[int, ...] = ()
    """Events by code of their kind; trailing zeros are left out."""
    value: int = 0
    """Money spent, in hundredths."""
    sessions: int = 0
    session_s: int = 0
    """When the newest session began."""
    session_events: int = 0
    minutes: bytes = b""
    """Events in the five spans of two minutes that end with ``last_s``'s; at most 255 are counted of each."""
    hours: bytes = b""
    """The same for eight spans of three hours."""
    ids: bytes = b""
    """Hashes of the last events' ids, four bytes each, newest first."""
    attributes: tuple[tuple[str, Any], ...] = ()
    bot: bool = False
    into: str = ""
    """The visitor that this one was merged into; everything else but ``ids`` has moved there."""
    merged: tuple[str, ...] = ()
    """The last visitors that were merged into this one, newest first: what erases it reaches them, too."""

    @property
    def events(self) -> int:
        """All events that were folded, each once."""
        return sum(self.counts)

    @property
    def in_ten_minutes(self) -> int:
        """Events in about the ten minutes before the newest one."""
        return sum(self.minutes)

    @property
    def in_a_day(self) -> int:
        """Events in about the 24 hours before the newest one."""
        return sum(self.hours)


EMPTY = Profile()


class Known(NamedTuple):
    """What an answer takes from a profile besides the history."""

    seen: frozenset[int] = frozenset()
    """Hashes (:func:`hash_item`) of items seen before those of the history."""
    bought: tuple[str, ...] = ()


def fold(profile: Profile, event: Event) -> Profile:
    """The profile after ``event``. An event whose id was folded lately changes nothing: the same object comes back."""
    mark = _hash_id(event.id)
    if _holds(profile.ids, mark, 4):
        return profile
    code = CODES[event.type]
    at_s = event.time_ms // 1000
    ids = (mark + profile.ids)[: 4 * MAX_IDS]
    last_s, first_s = profile.last_s, profile.first_s
    late_s = last_s - at_s
    now_s = at_s if late_s < 0 else last_s
    gain = _gain(code, event.details)
    interests, warmth = profile.interests, profile.warmth
    if late_s < 0 and last_s:
        interests = tuple([(name, left) for name, weight in interests if (left := decay(weight, -late_s))])
        warmth = decay(warmth, -late_s)
    if gain:
        gain = decay(gain, late_s) if late_s > 0 else gain
        warmth = max(0, warmth + gain)
        category = event.details.get("category")
        if category:
            interests = _interested(interests, category, gain)
    items, kinds, times, seen = profile.items, profile.kinds, profile.times, profile.seen
    bought = profile.bought
    if event.item and code in _RECENT:
        items, kinds, times, seen = _remember(items, kinds, times, seen, event.item, code, at_s)
        if code == _BUY:
            bought = (event.item, *(b for b in bought if b != event.item))[:MAX_BOUGHT]
    sessions, session_s, session_events = _session(profile, at_s)
    return Profile(
        now_s,
        min(first_s, at_s) if first_s else at_s,
        items,
        kinds,
        times,
        seen,
        bought,
        interests,
        warmth,
        _counted(profile.counts, code),
        profile.value + round(event.details.get("value", 0) * 100) if code == _BUY else profile.value,
        sessions,
        session_s,
        session_events,
        _tick(profile.minutes, last_s, at_s, _TEN_MINUTES),
        _tick(profile.hours, last_s, at_s, _DAY),
        ids,
        _with_attributes(profile.attributes, event.details["attributes"]) if code == _SET else profile.attributes,
        profile.bot or event.context.bot,
        profile.into,
        profile.merged,
    )


def knows(profile: Profile, event_id: str) -> bool:
    """Whether an event of this id was folded lately."""
    return _holds(profile.ids, _hash_id(event_id), 4)


def remember(profile: Profile, event_id: str) -> Profile:
    """The profile that knows ``event_id``, and is otherwise the same."""
    return profile._replace(ids=(_hash_id(event_id) + profile.ids)[: 4 * MAX_IDS])


def merge(into: Profile, other: Profile) -> Profile:
    """One profile of two: nothing of either is lost, nothing is counted twice. Where they differ, ``into`` says it."""
    a, b = into, other
    last_s = max(a.last_s, b.last_s)
    entries = _interleaved(a, b)
    recent = {item for _, item, _ in entries[:HISTORY]}
    older = [_hash3(item) for _, item, _ in entries[HISTORY:] if item not in recent]
    entries = entries[:HISTORY]
    weights: dict[str, int] = {}
    for side in (a, b):
        for name, weight in side.interests:
            weights[name] = weights.get(name, 0) + decay(weight, last_s - side.last_s)
    newer = max(a, b, key=lambda side: (side.session_s, side.session_events))
    return Profile(
        last_s,
        min(filter(None, (a.first_s, b.first_s)), default=0),
        tuple(item for _, item, _ in entries),
        bytes(kind for _, _, kind in entries),
        tuple(at for at, _, _ in entries),
        _union((*older, *_chunks(a.seen, 3), *_chunks(b.seen, 3)), MAX_SEEN),
        tuple(dict.fromkeys((*a.bought, *b.bought)))[:MAX_BOUGHT],
        _heaviest(weights),
        decay(a.warmth, last_s - a.last_s) + decay(b.warmth, last_s - b.last_s),
        tuple([x + y for x, y in zip_longest(a.counts, b.counts, fillvalue=0)]),
        a.value + b.value,
        a.sessions + b.sessions,
        newer.session_s,
        newer.session_events,
        _joined(a.minutes, a.last_s, b.minutes, b.last_s, _TEN_MINUTES),
        _joined(a.hours, a.last_s, b.hours, b.last_s, _DAY),
        _union((*_chunks(a.ids, 4), *_chunks(b.ids, 4)), MAX_IDS),
        _with_attributes(b.attributes, dict(a.attributes)),
        a.bot or b.bot,
        a.into,
        tuple(dict.fromkeys((*a.merged, *b.merged)))[:MAX_MERGED],
    )


def decay(weight: int, age_s: int) -> int:
    """``weight`` after ``age_s`` seconds: halved every seven days, by way of a table of 64 steps in between."""
    if age_s <= 0:
        return weight
    halvings, rest = divmod(age_s, HALF_LIFE_S)
    if halvings > 40:
        return 0
    scaled = abs(weight) * _STEPS[rest * 64 // HALF_LIFE_S] >> (16 + halvings)
    return scaled if weight >= 0 else -scaled


def engagement(profile: Profile, now_s: int) -> int:
    """How engaged the visitor is as of ``now_s``, 0 to 100: half at the weight of a dozen fresh views."""
    warmth = decay(profile.warmth, now_s - profile.last_s)
    return 100 * warmth // (warmth + 12 * _WEIGHTS[_VIEW] * _UNIT)


def hash_item(item: str) -> int:
    """The three-byte hash by which ``Profile.seen`` knows ``item``: the lower bits of its CRC-32."""
    return crc32(item.encode()) & 0xFFFFFF


def known(profile: Profile) -> Known:
    """What an answer takes from ``profile`` besides its items."""
    if not profile.seen and not profile.bought:
        return NOTHING
    return Known(frozenset(int.from_bytes(h, "big") for h in _chunks(profile.seen, 3)), profile.bought)


NOTHING = Known()


def to_blob(profile: Profile) -> bytes:
    """The profile as it is kept: a msgpack array that starts with its version."""
    p = profile
    gaps = [a - b for a, b in zip((p.last_s, *p.times), p.times, strict=False)]
    data: bytes = _PACK((
        VERSION, p.last_s, p.last_s - p.first_s, ",".join(p.items), p.kinds, gaps, p.seen, ",".join(p.bought),
        [part for pair in p.interests for part in pair], p.warmth, p.counts, p.value,
        p.sessions, p.last_s - p.session_s, p.session_events, p.minutes, p.hours, p.ids,
        [part for pair in p.attributes for part in pair], p.bot, p.into, p.merged,
    ))  # fmt: skip
    return data


def from_blob(data: bytes | memoryview) -> Profile:
    """The profile in a blob of this or an earlier version. Raises :class:`BadInput` (``bad_profile``) otherwise."""
    try:
        (
            _, last_s, age_s, items, kinds, gaps, seen, bought, interests, warmth, counts, value,
            sessions, session_age_s, session_events, minutes, hours, ids, attributes, bot, into, *later,
        ) = msgpack.unpackb(data, use_list=False)  # fmt: skip
        at = last_s
        return Profile(
            last_s, last_s - age_s,
            tuple(items.split(",")) if items else (), kinds, tuple([at := at - gap for gap in gaps]),
            seen, tuple(bought.split(",")) if bought else (), tuple(zip(interests[::2], interests[1::2], strict=True)),
            warmth, counts, value, sessions, last_s - session_age_s, session_events, minutes, hours, ids,
            tuple(zip(attributes[::2], attributes[1::2], strict=True)), bot, into,
            tuple(map(str, later[0])) if later else (),
        )  # fmt: skip
    except Exception as error:
        raise BadInput("bad_profile", f"not a profile: {str(error)[:100] or type(error).__name__}") from None


def describe(profile: Profile, now_s: int) -> dict[str, Any]:
    """The profile for people and programs outside, with names instead of codes."""
    names = list(KINDS)
    recent = [
        {"item": item, "type": names[kind], "time": at * 1000}
        for item, kind, at in zip(profile.items, profile.kinds, profile.times, strict=True)
    ]
    return {
        "first": profile.first_s * 1000,
        "last": profile.last_s * 1000,
        "events": profile.events,
        "counts": {name: count for name, count in zip(names, profile.counts, strict=False) if count},
        "recent": recent,
        "purchased": list(profile.bought),
        "seen_before": len(profile.seen) // 3,
        "interests": {name: round(decay(w, now_s - profile.last_s) / _UNIT, 3) for name, w in profile.interests},
        "engagement": engagement(profile, now_s),
        "value": profile.value / 100,
        "sessions": profile.sessions,
        "session": {"start": profile.session_s * 1000, "events": profile.session_events},
        "windows": {"10m": profile.in_ten_minutes, "24h": profile.in_a_day},
        "attributes": dict(profile.attributes),
        "bot": profile.bot,
        "merged_into": profile.into or None,
        "merged_from": list(profile.merged),
    }


def recall(history: tuple[str, ...], profile: Profile) -> tuple[str, ...]:
    """``history`` (of the request, newest first) continued by what the profile remembers; at most 20 items.

    The request's own history is the newer one: it may hold clicks that are still on their way to the profile.
    """
    if not history:
        return profile.items
    new = set(history)
    return (*history, *(item for item in profile.items if item not in new))[:HISTORY]


_PACK = msgpack.Packer(autoreset=True).pack
_STEPS = tuple(round(65536 * 2 ** (-step / 64)) for step in range(64))


def _gain(code: int, details: Mapping[str, Any]) -> int:
    if code == _DWELL:
        return min(int(details["seconds"]), 240) * _UNIT // 60
    if code == _RATE:
        return int((details["rating"] - 2.5) * _WEIGHTS[code] * _UNIT)
    return _WEIGHTS[code] * _UNIT


def _interleaved(a: Profile, b: Profile) -> list[tuple[int, str, int]]:
    """The recent items of both with times and kinds, newest first; an item twice in a row is one."""
    both = zip((*a.times, *b.times), (*a.items, *b.items), a.kinds + b.kinds, strict=True)
    entries: list[tuple[int, str, int]] = []
    for at_s, item, kind in sorted(both, key=lambda entry: -entry[0]):
        if entries and entries[-1][1] == item:
            newer_s, _, other = entries[-1]
            entries[-1] = newer_s, item, kind if _STRENGTH[kind] > _STRENGTH[other] else other
        else:
            entries.append((at_s, item, kind))
    return entries


def _interested(interests: tuple[tuple[str, int], ...], category: str, gain: int) -> tuple[tuple[str, int], ...]:
    weights = dict(interests)
    weights[category] = weights.get(category, 0) + gain
    return _heaviest(weights)


def _heaviest(weights: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    held = [(name, weight) for name, weight in weights.items() if weight > 0]
    held.sort(key=lambda pair: (-pair[1], pair[0]))
    return tuple(held[:MAX_INTERESTS])


def _remember(
    items: tuple[str, ...], kinds: bytes, times: tuple[int, ...], seen: bytes, item: str, code: int, at_s: int
) -> tuple[tuple[str, ...], bytes, tuple[int, ...], bytes]:
    """The recent items with ``item`` at its place in time; what falls off the end is remembered by its hash."""
    place = 0
    while place < len(times) and times[place] > at_s:
        place += 1
    for near in (place, place - 1):
        if 0 <= near < len(items) and items[near] == item:
            kind = code if _STRENGTH[code] > _STRENGTH[kinds[near]] else kinds[near]
            at_s = max(at_s, times[near])
            return (
                items,
                kinds[:near] + bytes((kind,)) + kinds[near + 1 :],
                (*times[:near], at_s, *times[near + 1 :]),
                seen,
            )
    items = (*items[:place], item, *items[place:])
    kinds = kinds[:place] + bytes((code,)) + kinds[place:]
    times = (*times[:place], at_s, *times[place:])
    if len(items) > HISTORY:
        if items[-1] not in items[:-1]:
            seen = _union((_hash3(items[-1]), *_chunks(seen, 3)), MAX_SEEN)
        items, kinds, times = items[:HISTORY], kinds[:HISTORY], times[:HISTORY]
    return items, kinds, times, seen


def _session(profile: Profile, at_s: int) -> tuple[int, int, int]:
    if not profile.sessions or at_s > profile.last_s + SESSION_S:
        return profile.sessions + 1, at_s, 1
    if at_s < profile.session_s - SESSION_S:
        return profile.sessions, profile.session_s, profile.session_events
    return profile.sessions, min(profile.session_s, at_s), profile.session_events + 1


def _counted(counts: tuple[int, ...], code: int) -> tuple[int, ...]:
    if code < len(counts):
        return (*counts[:code], counts[code] + 1, *counts[code + 1 :])
    return (*counts, *(0,) * (code - len(counts)), 1)


def _tick(ring: bytes, last_s: int, at_s: int, window: tuple[int, int]) -> bytes:
    """``ring`` (spans, newest first, the first one ending with ``last_s``'s) after one event at ``at_s``."""
    spans, span_s = window
    passed = at_s // span_s - last_s // span_s
    if passed > 0 or not ring:
        return (b"\1" + bytes(min(passed, spans) - 1) + ring)[:spans].rstrip(b"\0") if ring else b"\1"
    if -passed >= spans:
        return ring
    filled = ring.ljust(1 - passed, b"\0")
    return filled[:-passed] + bytes((min(255, filled[-passed] + 1),)) + filled[1 - passed :]


def _joined(a: bytes, a_last_s: int, b: bytes, b_last_s: int, window: tuple[int, int]) -> bytes:
    """The sum of two rings, as of the later one's newest event."""
    spans, span_s = window
    last = max(a_last_s, b_last_s) // span_s
    sums = [0] * spans
    for ring, last_s in ((a, a_last_s), (b, b_last_s)):
        for place, count in enumerate(ring, last - last_s // span_s):
            if place < spans:
                sums[place] = min(255, sums[place] + count)
    return bytes(sums).rstrip(b"\0")


def _with_attributes(held: tuple[tuple[str, Any], ...], new: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    merged = {name: value for name, value in (dict(held) | dict(new)).items() if value is not None}
    return tuple(sorted(merged.items()))[:MAX_ATTRIBUTES]


def _hash_id(event_id: str) -> bytes:
    return crc32(event_id.encode()).to_bytes(4, "big")


def _hash3(item: str) -> bytes:
    return hash_item(item).to_bytes(3, "big")


def _holds(joined: bytes, mark: bytes, size: int) -> bool:
    """Whether ``mark`` is one of the ``size``-byte pieces of ``joined``."""
    at = joined.find(mark)
    while at >= 0 and at % size:
        at = joined.find(mark, at + 1)
    return at >= 0


def _chunks(joined: bytes, size: int) -> list[bytes]:
    return [joined[at : at + size] for at in range(0, len(joined), size)]


def _union(pieces: tuple[bytes, ...], most: int) -> bytes:
    return _NONE.join(list(dict.fromkeys(pieces))[:most])
