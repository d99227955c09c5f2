"""What edge and origin make of a sender alike: its device, whether it is a program, its consent, its new history."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from shared.blend import HISTORY
from shared.events import CONSENTS, KINDS, Event
from shared.visitor import CONSENT_COOKIE, cookie, derive

_OTHER = re.compile(r"smart-?tv|smarttv|tizen|web0s|bravia|appletv|roku|playstation|xbox|nintendo|watch", re.IGNORECASE)
_TABLET = re.compile(r"ipad|tablet|kindle|silk/|playbook|android(?!.*mobile)", re.IGNORECASE)
_MOBILE = re.compile(r"mobi|iphone|ipod|android|windows phone|opera mini", re.IGNORECASE)
_DESKTOP = re.compile(r"windows nt|macintosh|x11|linux|cros", re.IGNORECASE)
_BOT = re.compile(
    # "cubot" makes telephones; every other word that ends in bot is one.
    r"(?<!cu)bot(?:\b|_)|crawl|spider|slurp|archiver|scrap(?:er|y)|preview|monitor|headless|lighthouse|pingdom|"
    r"facebookexternalhit|mediapartners|phantomjs|electron/|selenium|puppeteer|playwright|"
    r"^(?:curl|wget|libwww|lwp|java|ruby|perl|php|okhttp|apache-httpclient|axios|node|undici|got|go-http-client)\b|"
    r"python|aiohttp|httpx|postman|insomnia|wrk\b",
    re.IGNORECASE,
)
_RECENT = frozenset(name for name, kind in KINDS.items() if kind.weight > 0)


@lru_cache(256)
def device_of(user_agent: str) -> str:
    """One of :data:`shared.events.DEVICES`, as far as a ``User-Agent`` header tells."""
    for device, pattern in (("other", _OTHER), ("tablet", _TABLET), ("mobile", _MOBILE), ("desktop", _DESKTOP)):
        if pattern.search(user_agent):
            return device
    return "other"


@lru_cache(256)
def is_bot(user_agent: str) -> bool:
    """Whether a ``User-Agent`` header is that of a program that says so. Browsers send one: without it it is none."""
    return not user_agent or _BOT.search(user_agent) is not None


def consent_of(body_consent: str | None, cookie_header: str, gpc: bool, default: str) -> str:
    """What the visitor agreed to: said in the body, else in the cookie, else ``default``.

    ``Sec-GPC`` asks not to be tracked from visit to visit: who says no more than that agrees to the session at most.
    """
    if body_consent in CONSENTS:
        return body_consent
    said = cookie(cookie_header, CONSENT_COOKIE)
    if said in CONSENTS:
        return said
    return "session" if gpc and default == "full" else default


def derive_visitor(secret: str, events: Sequence[Any], address: str, user_agent: str, *, session: bool) -> str:
    """The id of a visitor who sends ``events`` (as they came, unchecked) without one of ours.

    It follows from what stays the same when the batch is sent again, be it by way of the edge or not.
    """
    first = events[0].get("id") if events and isinstance(events[0], dict) else None
    return derive(secret, f"{first}\x1f{address}\x1f{user_agent}", session=session)


def fold_history(history: Sequence[str], events: Iterable[Event]) -> tuple[str, ...]:
    """``history`` (newest first) after ``events``; at most 20 items.

    As in a profile: an item twice in a row is one, and kinds that say nothing of interest leave no trace. The same
    events once more change nothing, as long as none came in between: a batch may be sent again.
    """
    new: list[str] = []
    for event in sorted(events, key=lambda e: e.time_ms):
        if event.item and event.type in _RECENT and (not new or new[-1] != event.item):
            new.append(event.item)
    new = new[: -HISTORY - 1 : -1]
    old = tuple(history)
    if old[: len(new)] == tuple(new):
        return old[:HISTORY]
    if new and old and new[-1] == old[0]:
        new.pop()
    return (*new, *old)[:HISTORY]
