"""``GET /v1/recommend``: reads the question, asks the recommender, writes the answer; as little else as possible."""

import time
from typing import Any

from starlette.types import Receive, Scope, Send

from origin.api.openapi import DESCRIPTION, OK_ITEMS, QUESTION, problems
from origin.api.raw_route import RawRoute
from origin.metrics import Layer
from origin.problems import problem_response
from origin.recommend import Recommender
from shared.answer import Question, parse_question
from shared.errors import BadInput, DoorstepError
from shared.visitor import history_from_cookie

PATH = "/v1/recommend"
_LAYERS = {layer: layer.encode() for layer in Layer}


def route(recommender: Recommender) -> RawRoute:
    """The route. It answers errors itself, so that it may be called without the application's middleware."""

    async def recommend(scope: Scope, receive: Receive, send: Send) -> None:
        start = time.perf_counter()
        try:
            question = _question(scope)
            history = question.items
            if history is None:
                history = history_from_cookie(_cookie(scope))
            body, layer, model = await recommender.answer(question, history)
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
