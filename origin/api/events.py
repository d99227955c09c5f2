"""``POST /v1/events``: reads the body within its bounds, has it taken in, says what became of it."""

from typing import Any

from starlette.types import Receive, Scope, Send

from origin.api.body import read_text
from origin.api.openapi import EVENTS_BODY, EVENTS_DESCRIPTION, OK_EVENTS, problems
from origin.api.raw_route import RawRoute
from origin.ingest import Ingest
from origin.problems import problem_response
from origin.senders import Sender
from shared.errors import BadInput, DoorstepError
from shared.events import MAX_BODY_CHARS, render_outcome

PATH = "/v1/events"
_TYPES = (b"", b"application/json", b"text/plain")
_MAX_BODY_BYTES = 2 * MAX_BODY_CHARS
"""Before it is known how many characters they are: more than texts in most scripts need."""


def route(ingest: Ingest) -> RawRoute:
    """The route. It answers errors itself, so that it may be called without the application's middleware."""

    async def events(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            _check_type(scope)
            body = await read_text(receive, _MAX_BODY_BYTES)
            client = scope.get("client")
            taken = await ingest.take(body, Sender.of(scope["headers"], client[0] if client else "", scope["scheme"]))
        except DoorstepError as error:
            await problem_response(error)(scope, receive, send)
            return
        more = {"withheld": taken.withheld} if taken.withheld else {}
        answer = render_outcome(taken.accepted, taken.duplicates, taken.rejected, **more).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(answer)),
            (b"cache-control", b"no-store"),
            *((b"set-cookie", value.encode("latin-1")) for value in taken.cookies),
        ]
        await send({"type": "http.response.start", "status": 202, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    documented: dict[str, Any] = {
        "requestBody": EVENTS_BODY,
        "responses": {"202": OK_EVENTS, **problems(400, 401, 413, 415, 429, 503)},
    }
    return RawRoute(
        PATH, events, methods=["POST"], summary="What has happened", description=EVENTS_DESCRIPTION, openapi=documented
    )


def _check_type(scope: Scope) -> None:
    """``text/plain`` is what a page may send to another host without asking first."""
    for name, value in scope["headers"]:
        if name == b"content-type" and (media := value.partition(b";")[0].strip().lower()) not in _TYPES:
            said = media[:60].decode("latin-1")
            detail = f"events are sent as application/json or text/plain, not {said}"
            raise BadInput("unsupported_media_type", detail, 415)
