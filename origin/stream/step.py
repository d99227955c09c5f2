"""What one record does to one profile: plain values in, plain values out. Everything else is the runner's.

Whatever the log holds, a step either returns or raises; it never makes a profile that is unbounded or cannot be kept.
"""

from typing import Any, NamedTuple

from shared.answer import MAX_ID_BYTES
from shared.errors import BadInput
from shared.events import ERASE, FUTURE_MS, INTERNAL, MERGE_IN, MERGE_OUT, Event, check
from shared.profile import EMPTY, MAX_BLOB_BYTES, MAX_MERGED, Profile, fold, from_blob, knows, merge, remember, to_blob

MAX_HOPS = 4
"""So often an event follows a visitor who was merged into another one, who was merged in turn."""


class Push(NamedTuple):
    """What an answer depends on has changed: tell the visitor's open pages."""

    visitor: str


class Duplicate(NamedTuple):
    """The event had been folded before, under this id."""

    event: str


class Send(NamedTuple):
    """Append ``event`` to the log, before the profile is written."""

    event: Event


class Erase(NamedTuple):
    """Once the profile is safely stored, forget what else there is of ``visitor``. An empty ``receipt``: the erasure
    goes on elsewhere, and whoever ends it writes the receipt."""

    visitor: str
    receipt: str


Effect = Push | Duplicate | Send | Erase


class Step(NamedTuple):
    """The profile after a record, and what else is to be done, in this order."""

    profile: Profile
    effects: tuple[Effect, ...] = ()


def step(profile: Profile, event: Event, now_ms: int) -> Step:
    """The step that ``event`` makes from ``profile``.

    A time that is still to come counts as ``now_ms``: else it would end the decay of everything. Raises
    :class:`BadInput` (or, for what only a foreign program can have written, anything) for an event that must not be
    folded: the profile is as it was.
    """
    if event.time_ms > now_ms + FUTURE_MS:
        event = event._replace(time_ms=now_ms)
    if event.type in INTERNAL:
        return _INTERNAL[event.type](profile, event)
    if profile.into:
        return _follow(profile, event)
    check(event)
    after = fold(profile, event)
    if after is profile:
        return Step(profile, (Duplicate(event.id),))
    if after.items == profile.items and after.bought == profile.bought and after.seen == profile.seen:
        return Step(after)
    return Step(after, (Push(event.visitor),))


def forwarded(event: Event, to: str) -> Event:
    """``event`` on its way to visitor ``to``, with the same id. Raises :class:`BadInput` after too many ways."""
    hops = event.details.get("hops", 0) + 1
    if hops > MAX_HOPS:
        raise BadInput("too_many_hops", f"the event was sent on {MAX_HOPS} times and has not arrived")
    return event._replace(visitor=to, details={**event.details, "hops": hops})


def _erase(profile: Profile, event: Event) -> Step:
    if event.details.get("merged"):  # it comes from the visitor that this one was merged into
        return Step(EMPTY, (Erase(event.visitor, ""),)) if profile.into else Step(profile)
    told = () if profile == EMPTY else (Push(event.visitor),)
    if not profile.into:
        others = [Send(event._replace(visitor=name, details={"merged": True})) for name in profile.merged]
        return Step(EMPTY, (*others, *told, Erase(event.visitor, event.id)))
    return Step(EMPTY, (Send(forwarded(event, profile.into)), *told, Erase(event.visitor, "")))


def _merge_out(profile: Profile, event: Event) -> Step:
    to = event.details["into"]
    if not isinstance(to, str) or not 0 < len(to) <= MAX_ID_BYTES:
        raise BadInput("bad_merge", "a merge names whom to merge into")
    if knows(profile, event.id) or to in (event.visitor, profile.into):
        return Step(profile, (Duplicate(event.id),))
    if profile.into:
        return _follow(profile, event)
    moved = event._replace(visitor=to, type=MERGE_IN, details={"profile": to_blob(profile), "from": event.visitor})
    stub = Profile(last_s=profile.last_s, ids=profile.ids, into=to)
    return Step(remember(stub, event.id), (Send(moved), Push(event.visitor)))


def _merge_in(profile: Profile, event: Event) -> Step:
    if event.details.get("from") == event.visitor:
        return _come_home(profile, event)
    if knows(profile, event.id):
        return Step(profile, (Duplicate(event.id),))
    if profile.into:
        return _follow(profile, event)
    both = _having_merged(merge(profile, _carried(event)), event.visitor, str(event.details.get("from", "")))
    return Step(remember(both, event.id), (Push(event.visitor),))


def _come_home(profile: Profile, event: Event) -> Step:
    """Visitors who were merged in a circle are one all the same: the last one keeps what went around."""
    if not profile.into:
        return Step(profile, (Duplicate(event.id),))
    home = merge(profile._replace(into=""), _carried(event))
    return Step(_having_merged(home, event.visitor), (Push(event.visitor),))


def _having_merged(profile: Profile, visitor: str, other: str = "") -> Profile:
    """The profile of ``visitor``, who has taken in ``other``."""
    names = dict.fromkeys((other, *profile.merged))
    return profile._replace(merged=tuple(name for name in names if name not in ("", visitor))[:MAX_MERGED])


def _carried(event: Event) -> Profile:
    carried: Any = event.details["profile"]
    if len(carried) > MAX_BLOB_BYTES:
        raise BadInput("bad_profile", f"a profile has at most {MAX_BLOB_BYTES} bytes, not {len(carried)}")
    return from_blob(carried)


def _follow(profile: Profile, event: Event) -> Step:
    if knows(profile, event.id):
        return Step(profile, (Duplicate(event.id),))
    return Step(remember(profile, event.id), (Send(forwarded(event, profile.into)),))


_INTERNAL = {ERASE: _erase, MERGE_OUT: _merge_out, MERGE_IN: _merge_in}
