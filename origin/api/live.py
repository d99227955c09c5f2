"""``GET /v1/live``: new lists for an open page, as soon as its visitor's profile, the model or the rules change."""

from secrets import token_urlsafe
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from origin.api.openapi import LIVE_DESCRIPTION, LIVE_QUESTION, OK_LIVE, problems
from origin.api.raw_route import RawRoute
from origin.problems import problem_response
from origin.push import sse, websocket
from origin.push.hub import Hub
from origin.push.page import Page
from shared.answer import Question, parse_question
from shared.errors import BadInput, DoorstepError
from shared.visitor import history_from_cookie, visitor_from_cookie

PATH = "/v1/live"
MAX_SLOTS = 8


def route(hub: Hub, secret: str) -> RawRoute:
    """The route for server-sent events. It answers errors itself."""

    async def live(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await sse.stream(hub, _pages(scope, secret, "sse"), receive, send)
        except DoorstepError as error:
            await problem_response(error)(scope, receive, send)

    documented = {"parameters": LIVE_QUESTION, "responses": {"200": OK_LIVE, **problems(400, 414, 503)}}
    return RawRoute(
        PATH, live, methods=["GET"], summary="New lists as they come", description=LIVE_DESCRIPTION, openapi=documented
    )


def socket(hub: Hub, secret: str) -> ASGIApp:
    """The same as a WebSocket."""

    async def live(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await websocket.converse(hub, _pages(scope, secret, "websocket"), receive, send)
        except DoorstepError as error:
            await websocket.refuse(error, scope, send)

    return live


async def head(scope: Scope, receive: Receive, send: Send) -> None:
    """HEAD: what a GET would begin with, though nothing follows."""
    await send({"type": "http.response.start", "status": 200, "headers": [*sse.HEADERS, (b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def _pages(scope: Scope, secret: str, transport: str) -> sse.MakePage:
    """What makes the page that ``scope`` asks for. Raises :class:`BadInput`."""
    headers = dict(scope["headers"])
    cookie = headers.get(b"cookie", b"").decode("latin-1")
    visitor = visitor_from_cookie(secret, cookie) or _nobody()
    try:
        query = scope["query_string"].decode()
    except UnicodeDecodeError:
        raise BadInput("bad_query", "the query string is not UTF-8") from None
    told = dict(parse_qsl(query))
    seen = headers.get(b"last-event-id", b"").decode("latin-1") or told.get("last_event_id", "")
    questions, history = _questions(query, told.get("slot", "home")), history_from_cookie(cookie)
    return lambda write, drop: Page(
        visitor, questions, history, seen, transport=transport, write=write, drop=drop
    )  # fmt: skip


def _nobody() -> str:
    """Stands for a visitor who has sent no event yet: told of new models and rules, and of no profile."""
    return f"?{token_urlsafe(12)}"


def _questions(query: str, slots: str) -> tuple[Question, ...]:
    """One question per slot; they differ in nothing else."""
    names = list(dict.fromkeys(filter(None, slots.split(","))))
    if not 1 <= len(names) <= MAX_SLOTS:
        raise BadInput("bad_slot", f"slot names 1 to {MAX_SLOTS} slots, joined by commas")
    rest = "&".join(part for part in query.split("&") if not part.startswith("slot="))
    return tuple(parse_question(f"{rest}&slot={name}" if rest else f"slot={name}") for name in names)
