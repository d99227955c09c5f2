"""What may be sent about a visitor: events, their kinds and fields; validation with reasons; JSON and msgpack.

:data:`KINDS` and :data:`FIELDS` are the whole schema: validation, the published JSON Schema and the Avro form follow
from them. The schema only ever grows: what an older producer sends stays valid, fields that are not known are ignored.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, NamedTuple

import msgpack

from shared.answer import MAX_ID_BYTES
from shared.errors import BadInput
from shared.rules import SLOT

SCHEMA_VERSION = 1
MAX_EVENTS = 50
"""Events of one visitor in a request: fewer than the ids that a profile remembers, so all of it may be sent again."""
MAX_TRUSTED_EVENTS = 500
"""Events of a request from a server, of all visitors together."""
MAX_BODY_CHARS = 256 * 1024
MAX_PROPS = 16
"""Entries of ``props`` and of ``attributes``."""
MAX_AGE_MS = 7 * 24 * 3600_000
FUTURE_MS = 5 * 60_000
"""How far a server's clock may be ahead of ours before its events are refused."""

CONSENTS = ("none", "session", "full")
DEVICES = ("desktop", "mobile", "tablet", "other")


class Kind(NamedTuple):
    """A kind of event. ``weight`` is what it says of the visitor's interest in the item, a view being 4."""

    about: str
    needs: tuple[str, ...]
    weight: int


KINDS: Mapping[str, Kind] = {
    "view": Kind("an item's own page was seen", ("item",), 4),
    "click": Kind("an item was clicked in a list", ("item",), 4),
    "cart": Kind("an item went into the basket", ("item",), 12),
    "uncart": Kind("an item was taken out of the basket", ("item",), -8),
    "purchase": Kind("an item was bought; value is for all of quantity", ("item",), 24),
    "impression": Kind("an item was visible in a list", ("item",), 0),
    "search": Kind("something was searched for", ("query",), 0),
    "rating": Kind("an item was rated", ("item", "rating"), 4),
    "dwell": Kind("time spent on an item's page", ("item", "seconds"), 1),
    "custom": Kind("whatever the site calls it", ("name",), 0),
    "profile": Kind("what is known of the visitor: a preference, a segment", ("attributes",), 0),
}
"""In the order of their codes in a profile: append only."""
CODES: Mapping[str, int] = {name: code for code, name in enumerate(KINDS)}
ALIASES: Mapping[str, str] = {
    "add-to-cart": "cart", "add_to_cart": "cart", "remove-from-cart": "uncart", "remove_from_cart": "uncart",
    "page_view": "view", "view_item": "view", "buy": "purchase", "attributes": "profile",
}  # fmt: skip

# What only a profile's own writer appends to the log; nobody may send them.
ERASE, MERGE_OUT, MERGE_IN = "erase", "merge-out", "merge-in"
INTERNAL = (ERASE, MERGE_OUT, MERGE_IN)


class Field(NamedTuple):
    """A field of an event: text of at most ``high`` characters, a number in ``low``..``high``, or a flat object."""

    kind: str
    low: float
    high: float
    about: str


FIELDS: Mapping[str, Field] = {
    "slot": Field("slot", 1, 32, "the place on a page"),
    "list": Field("text", 1, 64, "the list in which the item was shown"),
    "position": Field("int", 1, 1000, "the item's place in that list, from 1"),
    "model": Field("text", 1, 64, "the model that made the list"),
    "variant": Field("text", 1, 64, "the experiment's variant"),
    "category": Field("text", 1, 64, "the item's category; filled in from the model where it is missing"),
    "value": Field("number", 0, 1e9, "money, in the shop's currency"),
    "quantity": Field("int", 1, 100_000, "how many"),
    "query": Field("text", 1, 200, "what was searched for"),
    "rating": Field("number", 0, 10, "the visitor's rating, on the site's scale"),
    "seconds": Field("number", 0, 86_400, "how long"),
    "name": Field("text", 1, 64, "the name of a custom event"),
    "props": Field("object", 0, 200, "whatever belongs to a custom event: text, numbers, booleans"),
    "attributes": Field("object", 0, 64, "what is known of the visitor, by name; null takes it back"),
}


class Context(NamedTuple):
    """What the receiving side adds to an event; no caller but our own edge can set it."""

    country: str = ""
    """ISO 3166-1 alpha-2, or empty."""
    device: str = "other"
    edge: str = ""
    """The point of presence that took it."""
    bot: bool = False
    consent: str = "full"
    received_ms: int = 0
    trace: str = ""
    """The W3C ``traceparent`` of the request, or empty."""


class Event(NamedTuple):
    """One thing that happened. ``details`` holds the fields of :data:`FIELDS` that were sent, checked."""

    id: str
    visitor: str
    type: str
    time_ms: int
    item: str = ""
    details: Mapping[str, Any] = {}
    context: Context = Context()


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event that was not taken, by its place in the batch, and why."""

    index: int
    code: str
    detail: str


class Batch(NamedTuple):
    """What one request brought. ``duplicates`` were named twice within it."""

    events: tuple[Event, ...] = ()
    duplicates: int = 0
    rejected: tuple[Rejected, ...] = ()


def read_body(body: str, *, trusted: bool = False) -> dict[str, Any]:
    """The JSON object in a request's body. Raises :class:`BadInput` if it is none, or holds no list of events."""
    if len(body) > MAX_BODY_CHARS:
        raise BadInput("body_too_large", f"a batch has at most {MAX_BODY_CHARS} characters, not {len(body)}", 413)
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadInput("bad_json", f"the body is not JSON: {str(error)[:100]}") from None
    if not isinstance(data, dict) or not isinstance(data.get("events"), list):
        raise BadInput("bad_batch", 'the body is an object with a list of events: {"events": [...]}')
    count, most = len(data["events"]), MAX_TRUSTED_EVENTS if trusted else MAX_EVENTS
    if count > most:
        raise BadInput("too_many_events", f"a batch holds at most {most} events, not {count}", 413)
    consent = data.get("consent")
    if consent is not None and consent not in CONSENTS:
        raise BadInput("bad_consent", f"consent is {', '.join(CONSENTS)}, not {str(consent)[:40]!r}")
    return data


def read_batch(data: Mapping[str, Any], *, visitor: str, context: Context, now_ms: int, trusted: bool = False) -> Batch:
    """The events in ``data`` (see :func:`read_body`), each kept or rejected on its own.

    A caller that is not ``trusted`` speaks for ``visitor`` only, and its clock is corrected: by ``sent``, its time of
    sending, if it says so, and then into the last seven days. A trusted one (a server with the API key, our own edge)
    names a visitor per event or in ``data``, and its times are kept.
    """
    skew_ms = 0
    if trusted:
        visitor = data.get("visitor") or visitor
    elif _whole(data.get("sent")):
        skew_ms = now_ms - int(data["sent"])
    read = partial(_event, visitor=visitor, context=context, now_ms=now_ms, trusted=trusted, skew_ms=skew_ms)
    events: dict[tuple[str, str], Event] = {}
    of: Counter[str] = Counter()
    rejected = []
    duplicates = 0
    for index, raw in enumerate(data["events"]):
        try:
            event = read(raw)
            of[event.visitor] += 1
            if of[event.visitor] > MAX_EVENTS:
                raise BadInput("too_many_of_visitor", f"a batch holds at most {MAX_EVENTS} events of one visitor")
        except BadInput as error:
            rejected.append(Rejected(index, error.code, error.detail))
            continue
        duplicates += (event.visitor, event.id) in events
        events.setdefault((event.visitor, event.id), event)
    return Batch(tuple(events.values()), duplicates, tuple(rejected))


def render_outcome(accepted: int, duplicates: int, rejected: tuple[Rejected, ...], **more: Any) -> str:
    """The body of the 202 that answers a batch."""
    reasons = [asdict(r) for r in rejected]
    outcome = {"accepted": accepted, "duplicates": duplicates, "rejected": reasons, **more}
    return json.dumps(outcome, ensure_ascii=False, separators=(",", ":"))


def to_json(event: Event) -> dict[str, Any]:
    """The event as it is sent to an origin's ``/v1/events`` by a trusted caller."""
    return {"id": event.id, "visitor": event.visitor, "type": event.type, "time": event.time_ms} | (
        {"item": event.item} if event.item else {}
    ) | dict(event.details)  # fmt: skip


def to_record(event: Event) -> bytes:
    """The event as the log holds it: a msgpack array that starts with the schema's version."""
    id_, visitor, type_, time_ms, item, details, context = event
    data: bytes = _PACK((SCHEMA_VERSION, id_, visitor, type_, time_ms, item, details, context))
    return data


def from_record(data: bytes) -> Event:
    """The event in a log record of this or an earlier version; members that a later one appends are ignored.

    Raises :class:`BadInput` (``bad_record``) for anything else.
    """
    try:
        version, id_, visitor, type_, time_ms, item, details, context, *_ = msgpack.unpackb(data)
        event = Event(id_, visitor, type_, time_ms, item, details, Context(*context[:_CONTEXT]))
    except Exception as error:
        raise BadInput("bad_record", f"not an event: {str(error)[:100] or type(error).__name__}") from None
    if not (isinstance(version, int) and version >= 1):
        raise BadInput("bad_record", "not an event: it does not begin with a version")
    if not (
        isinstance(id_, str) and isinstance(visitor, str) and isinstance(item, str) and isinstance(type_, str)
        and isinstance(time_ms, int) and 0 < time_ms < _LAST_MS and isinstance(details, dict) and visitor
        and isinstance(event.context.bot, bool) and isinstance(event.context.received_ms, int)
    ):  # fmt: skip
        raise BadInput("bad_record", "not an event: a member is of the wrong type")
    if type_ not in CODES and type_ not in INTERNAL:
        raise BadInput("unknown_type", f"{type_[:40]!r} is no kind of event")
    return event


def check(event: Event) -> None:
    """Raise :class:`BadInput` if what a profile takes from ``event`` would not have passed validation.

    Other programs append to logs, too; their records can be well-formed and hold anything.
    """
    if event.item and (not _is_id(event.item) or "," in event.item):
        raise BadInput("bad_item", _REASONS["item"])
    details = event.details
    for name in details:
        if name in _FOLDED:
            _detail(name, details[name])
    for name in KINDS[event.type].needs:
        if not event.item if name == "item" else name not in details:
            raise BadInput(f"bad_{name}", f"a {event.type} event needs {name}")


_PACK = msgpack.Packer(autoreset=True).pack
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
"""JSON can name half a character; UTF-8 cannot, so no record could hold it."""
_CONTEXT = len(Context._fields)
_FOLDED = frozenset(("category", "value", "rating", "seconds", "attributes"))
"""The fields that end up in a profile."""
_LAST_MS = 253_402_300_800_000
"""The year 10,000."""
_REASONS = {
    "item": f"item is an id of 1 to {MAX_ID_BYTES} printable characters without a comma",
    "id": f"id is 1 to {MAX_ID_BYTES} printable characters, different for every event",
    "visitor": f"visitor is an id of 1 to {MAX_ID_BYTES} printable characters without a comma or space",
}


def _event(raw: Any, *, visitor: str, context: Context, now_ms: int, trusted: bool, skew_ms: int) -> Event:
    if not isinstance(raw, dict):
        raise BadInput("bad_event", "an event is an object")
    kind = raw.get("type")
    if not isinstance(kind, str) or (kind := ALIASES.get(kind, kind)) not in KINDS:
        raise BadInput("unknown_type", f"type is one of {', '.join(KINDS)}; not {str(raw.get('type'))[:40]!r}")
    who = (raw.get("visitor") or visitor) if trusted else visitor
    if not _is_id(who) or "," in who or " " in who:
        raise BadInput("bad_visitor", _REASONS["visitor"])
    if not _is_id(raw.get("id")):
        raise BadInput("bad_id", _REASONS["id"])
    item = raw.get("item")
    if item is None:
        item = ""
    elif not _is_id(item) or "," in item:
        raise BadInput("bad_item", _REASONS["item"])
    details = {n: _detail(n, held) for n, held in raw.items() if n in FIELDS and held is not None}
    for name in KINDS[kind].needs:
        if not item if name == "item" else name not in details:
            raise BadInput(f"bad_{name}", f"a {kind} event needs {name}")
    return Event(raw["id"], who, kind, _time(raw.get("time"), now_ms, trusted, skew_ms), item, details, context)


def _time(value: Any, now_ms: int, trusted: bool, skew_ms: int) -> int:
    if value is None:
        return now_ms
    if not _whole(value) or not 0 < value < _LAST_MS:
        raise BadInput("bad_time", "time is milliseconds since 1970, a whole number")
    time_ms = int(value) + skew_ms
    if not trusted:
        return min(max(time_ms, now_ms - MAX_AGE_MS), now_ms)
    if time_ms > now_ms + FUTURE_MS:
        raise BadInput("bad_time", f"time is {(time_ms - now_ms) / 1000:.0f} seconds in the future")
    return min(time_ms, now_ms)


def _detail(name: str, value: Any) -> Any:
    kind, low, high, _ = FIELDS[name]
    if kind == "object":
        return _flat(name, value, int(high))
    if kind in ("text", "slot"):
        fine = isinstance(value, str) and low <= len(value) <= high and value.isprintable()
        if not fine or (kind == "slot" and not SLOT.fullmatch(value)):
            raise BadInput(f"bad_{name}", f"{name} is text of {low:g} to {high:g} printable characters")
        return value
    whole = kind == "int"
    fine = _whole(value) if whole else isinstance(value, int | float) and not isinstance(value, bool)
    if not fine or not low <= value <= high:
        what = "a whole number" if whole else "a number"
        raise BadInput(f"bad_{name}", f"{name} is {what} from {low:g} to {high:g}")
    return int(value) if whole else value


def _flat(name: str, value: Any, longest: int) -> dict[str, Any]:
    """An object of few members, none of them an object itself."""
    if not isinstance(value, dict) or len(value) > MAX_PROPS:
        raise BadInput(f"bad_{name}", f"{name} is an object of at most {MAX_PROPS} members")
    for key, held in value.items():
        if not 1 <= len(key) <= MAX_ID_BYTES or not key.isprintable():
            raise BadInput(f"bad_{name}", f"{name}: a name has 1 to {MAX_ID_BYTES} printable characters")
        text = isinstance(held, str) and len(held) <= longest and not _LONE_SURROGATE.search(held)
        number = isinstance(held, int | float) and abs(held) < 2**53
        if not (text or number or held is None):
            raise BadInput(
                f"bad_{name}", f"{name}.{key} is text of at most {longest} characters, a number or a boolean"
            )
    return value


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_ID_BYTES and value.isprintable()


def _whole(value: Any) -> bool:
    if isinstance(value, float):
        return value.is_integer()
    return isinstance(value, int) and not isinstance(value, bool)
