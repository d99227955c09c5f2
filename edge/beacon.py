"""The way of an event at the edge, top to bottom: checked, stamped, handed to the origin's log, folded into cookies.

The answer is 202 only when the origin has said so; until then nothing is set and nothing folded, so that the batch may
be sent again as it is (docs/events.md).
"""

import json
from dataclasses import replace
from functools import partial
from typing import Any

from edge.effects import Reply
from edge.errors import Later, NotSetUp
from edge.forward import forward
from edge.http import Request, Response, Sender, failure, with_background
from edge.isolate import Isolate
from edge.nesting import check_nesting
from edge.tracing import export, start_span, valid_traceparent
from shared.context import consent_of, derive_visitor, device_of, fold_history, is_bot
from shared.errors import BadInput, DoorstepError
from shared.events import Batch, Context, Rejected, read_batch, read_body, render_outcome, to_json
from shared.visitor import (
    HISTORY_COOKIE,
    SESSION_MARK,
    VISITOR_COOKIE,
    cookie,
    forget_cookie,
    history_from_cookie,
    set_history,
    set_visitor,
)

_TYPES = ("", "application/json", "text/plain")
_UNKNOWN_COUNTRIES = ("XX", "T1")


async def beacon(isolate: Isolate, request: Request) -> Response:
    """Answer ``POST /v1/events``, and tell a collector how long it took if there is one."""
    sender = request.sender
    if not isolate.settings.otlp_url:
        return await _take(isolate, request, sender, valid_traceparent(sender.traceparent))
    span = start_span(sender.traceparent, isolate.now_ms, isolate.draw_bits)
    try:
        response = await _take(isolate, request, sender, span.traceparent)
    except DoorstepError as error:
        response = failure(error)
    if not span.sampled:
        return response
    url, name, end_ms = isolate.settings.otlp_url, "POST /v1/events", isolate.now_ms
    return with_background(response, partial(export, url, span, name, response.status, end_ms, isolate.report))


async def _take(isolate: Isolate, request: Request, sender: Sender, trace: str) -> Response:
    """Raises :class:`BadInput` for a batch that is wrong as a whole, :class:`Later` or :class:`NotSetUp`."""
    data = _read(request.body, sender.content_type)
    consent = consent_of(data.get("consent"), request.cookie, sender.gpc == "1", isolate.settings.consent)
    if consent == "none":
        return _withheld(len(data["events"]), request.cookie, sender.secure)
    _check_set_up(isolate)
    visitor, is_new = _visitor(isolate, data["events"], consent, request.cookie, sender)
    _count(isolate, "" if is_new else visitor, sender.address, len(data["events"]))
    context = _context(sender, consent, int(isolate.now_ms), trace)
    batch = read_batch(data, visitor=visitor, context=context, now_ms=int(isolate.now_ms))
    if not batch.events:
        return _outcome(render_outcome(0, batch.duplicates, batch.rejected))
    reply = await forward(isolate, _for_origin(batch, visitor, context), trace)
    if reply.status != 202:
        return _passed_on(reply)
    outcome = _outcome(_merged(data["events"], batch, reply))
    isolate.profiles.note(visitor, batch.events)
    new_visitor = visitor if is_new else ""
    return outcome._replace(cookies=_cookies(isolate, request.cookie, batch, new_visitor, sender.secure))


def _read(body: str, content_type: str) -> dict[str, Any]:
    """The body. ``text/plain`` is what a page may send to another host without asking first."""
    media = content_type.partition(";")[0].strip().lower()
    if media not in _TYPES:
        detail = f"events are sent as application/json or text/plain, not {media[:60]}"
        raise BadInput("unsupported_media_type", detail, 415)
    check_nesting(body)
    return read_body(body)


def _withheld(count: int, cookies: str, secure: bool) -> Response:
    """Nothing is kept, and what an earlier consent has left in the browser is taken away."""
    held = [name for name in (VISITOR_COOKIE, HISTORY_COOKIE) if cookie(cookies, name)]
    outcome = _outcome(render_outcome(0, 0, (), withheld=count))
    return outcome._replace(cookies=tuple(forget_cookie(name, secure=secure) for name in held))


def _check_set_up(isolate: Isolate) -> None:
    if not isolate.settings.secret:
        raise NotSetUp("no_secret", "this edge takes no events: DOORSTEP_SECRET is not set")
    if not isolate.settings.origin_url:
        raise NotSetUp("no_origin", "this edge takes no events: DOORSTEP_ORIGIN_URL is not set")


def _visitor(isolate: Isolate, events: list[Any], consent: str, cookies: str, sender: Sender) -> tuple[str, bool]:
    """Who sends, and whether that is a new visitor: without a signed cookie, or with one of another consent's."""
    session = consent == "session"
    held = isolate.visitors.of(cookies)
    if held is not None and held.startswith(SESSION_MARK) == session:
        return held, False
    secret = isolate.settings.secret
    return derive_visitor(secret, events, sender.address, sender.user_agent, session=session), True


def _count(isolate: Isolate, visitor: str, address: str, count: int) -> None:
    """Raises :class:`Later` (429). Whoever has neither a visitor's cookie nor an address cannot be told from others."""
    if visitor or address:
        isolate.rates.take(visitor or f"address {address}", count)


def _context(sender: Sender, consent: str, now_ms: int, trace: str) -> Context:
    agent = sender.user_agent
    country = sender.country.upper()
    known = len(country) == 2 and country.isascii() and country.isalpha() and country not in _UNKNOWN_COUNTRIES
    return Context(country if known else "", device_of(agent), sender.colo[:16], is_bot(agent), consent, now_ms, trace)


def _for_origin(batch: Batch, visitor: str, context: Context) -> str:
    stamped = context._asdict()
    del stamped["received_ms"]  # the origin's own clock says that
    events = [to_json(event) for event in batch.events]
    body = {"events": events, "visitor": visitor, "consent": context.consent, "context": stamped}
    return json.dumps(body, separators=(",", ":"))


def _merged(sent: list[Any], batch: Batch, reply: Reply) -> str:
    """The origin's 202 and our own reasons in one; indices are those of the caller's batch.

    Raises :class:`Later` if the answer cannot be read: whoever gave it, the log may not have the events.
    """
    try:
        told = json.loads(reply.body)
        accepted, duplicates = int(told["accepted"]), int(told["duplicates"]) + batch.duplicates
        refused = [Rejected(int(r["index"]), str(r["code"]), str(r["detail"])) for r in told["rejected"]]
        if refused:
            ours = {r.index for r in batch.rejected}
            place = {e["id"]: at for at, e in reversed(list(enumerate(sent))) if at not in ours}
            refused = [replace(r, index=place[batch.events[r.index].id]) for r in refused]
    except (ValueError, KeyError, TypeError, IndexError):
        raise Later("origin_unclear", "the origin's answer cannot be read; send the events again", after_s=1) from None
    rejected = sorted([*batch.rejected, *refused], key=lambda r: r.index)
    return render_outcome(accepted, duplicates, tuple(rejected))


def _cookies(isolate: Isolate, cookies: str, batch: Batch, new_visitor: str, secure: bool) -> tuple[str, ...]:
    consent = batch.events[0].context.consent
    before = history_from_cookie(cookies)
    after = fold_history(before, batch.events)
    changed = after and (after != before or new_visitor)
    history = (set_history(after, consent, secure=secure),) if changed else ()
    return (set_visitor(isolate.settings.secret, new_visitor, secure=secure), *history) if new_visitor else history


def _outcome(body: str) -> Response:
    return Response(202, {"content-type": "application/json", "cache-control": "no-store"}, body)


def _passed_on(reply: Reply) -> Response:
    """The origin found something wrong with the batch that we did not."""
    headers = {"content-type": reply.headers.get("content-type", ""), "cache-control": "no-store"}
    return Response(reply.status, headers, reply.body)
