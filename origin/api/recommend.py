"""``GET /v1/recommend``: reads the question, asks the recommender, writes the answer; as little else as possible."""

import time
from typing import Any

from starlette.types import Receive, Scope, Send

from origin.api.openapi import DESCRIPTION, OK_ITEMS, QUESTION, problems
from origin.api.raw_route import RawRoute
from origin.metrics import Layer
from origin.problems import problem_response
from origin.recommend import Recommender
from origin.visitors import Visitors
from shared.answer import Question, parse_question
from shared.errors import BadInput, DoorstepError
from shared.profile import NOTHING, recall
from shared.profile import known as known_of
from shared.visitor import history_from_cookie, visitor_from_cookie

PATH = "/v1/recommend"
_LAYERS = {layer: layer.encode() for layer in Layer}


def route(recommender: Recommender, visitors: Visitors, secret: str) -> RawRoute:
    """The route. It answers errors itself, so that it may be called without the application's middleware."""

    async def recommend(scope: Scope, receive: Receive, send: Send) -> None:
        start = time.perf_counter()
        try:
            question = _question(scope)
            cookie = _cookie(scope)
            history = history_from_cookie(cookie) if question.items is None else question.items
            known = NOTHING
            visitor = visitor_from_cookie(secret, cookie) if cookie else None
            if visitor and (profile := await visitors.known(visitor)):
                known = known_of(profile)
                if question.items is None:
                    history = recall(history, profile)
            body, layer, model = await recommender.answer(question, history, known)
        except DoorstepError as error:
            await problem_response(error)(scope, receive, send)
            return
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"private, no-store"),
            (b"doorstep-layer", _LAYERS[layer]),
            (b"doorstep-model", model),
            (b"server-timing", b"decide;dur=%.3f" % ((time.perf_counter() - start) * 1000)),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    documented: dict[str, Any] = {"parameters": QUESTION, "responses": {"200": OK_ITEMS, **problems(400, 414, 503)}}
    return RawRoute(
        PATH, recommend, methods=["GET"], summary="What to show in a slot", description=DESCRIPTION, openapi=documented
    )


def _question(scope: Scope) -> Question:
    try:
        return parse_question(scope["query_string"].decode())
    except UnicodeDecodeError:
        raise BadInput("bad_query", "the query string is not UTF-8") from None


def _cookie(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"cookie":
            text: str = value.decode("latin-1")
            return text
    return ""
