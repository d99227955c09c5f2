"""The golden vectors of events and profiles: what is written, and what must be refused."""

import base64
from typing import Any

import msgpack

from shared.events import Context, Event, to_record
from shared.profile import EMPTY, describe, fold, to_blob

_NOW_MS = 1_732_100_000_000
_PHONE = Context("DE", "mobile", "fra", False, "full", _NOW_MS + 5000, "00-0af7651916cd43dd8448eb211c80319c-1-01")


def golden() -> dict[str, Any]:
    """Events and profiles with their bytes, and bytes that are none."""
    events = _events()
    names = list(events)
    return {
        "events": [
            {"name": name, "event": event._asdict() | {"context": event.context._asdict()}, "base64": _text(event)}
            for name, event in events.items()
        ],
        "bad_events": [
            _bad("empty", "bad_record", b""),
            _bad("no msgpack", "bad_record", b"\xc1"),
            _bad("cut short", "bad_record", to_record(events["view"])[:-1]),
            _bad("no version", "bad_record", msgpack.packb(["1", "v", "view", "1", 2, "a", {}, []])),
            _bad("no visitor", "bad_record", to_record(Event("1", "", "view", 1, "a"))),
            _bad("a time in text", "bad_record", msgpack.packb([1, "1", "v", "view", "now", "a", {}, []])),
            _bad("after the year 10,000", "bad_record", to_record(Event("1", "v", "view", 2**60, "a"))),
            _bad("a kind of tomorrow", "unknown_type", to_record(Event("1", "v", "stare", 1, "a"))),
        ],
        "profiles": [
            _profile("nobody", events, []),
            _profile("one view", events, names[:1]),
            _profile("all kinds", events, names),
            _profile("in another order and twice", events, names[::-1] + names),
        ],
        "bad_profiles": [
            _bad("empty", "bad_profile", b""),
            _bad("no msgpack", "bad_profile", b"\xc1"),
            _bad("cut short", "bad_profile", to_blob(EMPTY)[:-1]),
            _bad("too few members", "bad_profile", msgpack.packb([1, 2, 3])),
        ],
    }


def _events() -> dict[str, Event]:
    def event(n: int, kind: str, item: str = "", **details: Any) -> Event:
        return Event(f"id-{n}", "čeněk", kind, _NOW_MS + 60_000 * n, item, details, _PHONE if n % 2 else Context())

    return {
        "view": event(1, "view", "85123A", slot="home", position=3, model="demo-1", category="tea"),
        "click": event(2, "click", "22423", list="popular", variant="b", category="tea"),
        "cart": event(3, "cart", "22423", quantity=2, value=25.5),
        "uncart": event(4, "uncart", "22423", category="tea"),
        "purchase": event(5, "purchase", "čaj", value=12.34, quantity=1, category="gifts"),
        "impression": event(6, "impression", "85123A"),
        "search": event(7, "search", query="bílý čaj"),
        "rating": event(8, "rating", "85123A", rating=4.5),
        "dwell": event(9, "dwell", "85123A", seconds=95),
        "custom": event(10, "custom", name="share", props={"to": "mail", "n": 2, "fast": True, "none": None}),
        "profile": event(11, "profile", attributes={"size": "M", "vip": True, "age": 42}),
        "bot": event(12, "view", "85123A")._replace(context=Context(bot=True)),
    }


def _profile(name: str, events: dict[str, Event], order: list[str]) -> dict[str, Any]:
    profile = EMPTY
    for each in order:
        profile = fold(profile, events[each])
    return {
        "name": name,
        "events": order,
        "profile": describe(profile, profile.last_s),
        "base64": base64.b64encode(to_blob(profile)).decode(),
    }


def _bad(name: str, code: str, data: bytes) -> dict[str, str]:
    return {"name": name, "code": code, "base64": base64.b64encode(data).decode()}


def _text(event: Event) -> str:
    return base64.b64encode(to_record(event)).decode()
