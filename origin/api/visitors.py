"""``/v1/visitors``: profiles for support and for our own edges, and merging; none of it for browsers."""

import json
import time
from base64 import b64encode
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from origin.api.authorization import check_edge_or_key, check_key
from origin.api.body import read_text
from origin.api.openapi import MERGE_BODY, Responses, problems
from origin.merging import Merging
from origin.resources import Resources
from shared.answer import parse_question
from shared.errors import BadInput
from shared.profile import describe, known, recall, to_blob
from shared.visitor import sign

_MOST_BYTES = 4096


def router(resources: Resources) -> APIRouter:
    """The routes about visitors."""
    api = APIRouter(prefix="/v1/visitors", tags=["visitors"])
    settings, secret, visitors = resources.settings, resources.secret, resources.visitors
    merging: Merging = resources.merging

    @api.post("/merge", summary="Make one visitor of two", operation_id="merge_visitors", status_code=202,
              openapi_extra={"requestBody": MERGE_BODY},
              response_class=JSONResponse, responses=problems(400, 401, 403, 409, 413, 503))  # fmt: skip
    async def merge(request: Request) -> Response:
        """202 once it is durable that it will be done; `cookie` is the value of `doorstep_visitor` from now on."""
        check_key(request, settings.api_key)
        into = await merging.merge(await read_text(request.receive, _MOST_BYTES))
        return JSONResponse({"into": into, "cookie": sign(secret, into)}, 202)

    @api.get("/{visitor:path}/blob", summary="A profile as the edge reads it", operation_id="visitor_blob",
             response_class=PlainTextResponse, responses=_BLOB)  # fmt: skip
    async def blob(visitor: str, request: Request) -> Response:
        """The profile that counts for the visitor, in base64; `Doorstep-Visitor` says whose it is after a merge."""
        check_edge_or_key(request, secret, settings.api_key)
        met = await visitors.meet(visitor)
        if met.profile is None:
            raise BadInput("unknown_visitor", "there is no profile of this visitor", 404)
        headers = {"Doorstep-Visitor": quote(met.visitor, safe="~"), "Cache-Control": "private, no-store"}
        return PlainTextResponse(b64encode(to_blob(met.profile)).decode(), headers=headers)

    @api.get("/{visitor:path}", summary="What is known of a visitor", operation_id="visitor",
             response_class=JSONResponse, responses=problems(400, 401, 403, 404, 503))  # fmt: skip
    async def show(visitor: str, request: Request) -> Response:
        """With the parameters of `/v1/recommend` (at least `slot`) also what the visitor would be shown."""
        check_key(request, settings.api_key)
        profile = await visitors.look_up(visitor)
        if profile is None:
            raise BadInput("unknown_visitor", "there is no profile of this visitor", 404)
        shown: dict[str, Any] = {"visitor": visitor, "profile": describe(profile, int(time.time()))}
        if "slot" in request.query_params:
            question = parse_question(request.url.query)
            met = await visitors.meet(visitor)
            counts = met.profile or profile
            history = recall((), counts) if question.items is None else question.items
            served = await resources.recommender.answer(question, history, known(counts))
            shown["answer"] = json.loads(served.body)
        return JSONResponse(shown, headers={"Cache-Control": "private, no-store"})

    return api


_BLOB: Responses = {
    200: {
        "description": "Base64.",
        "content": {"text/plain": {}},
        "headers": {"Doorstep-Visitor": {"schema": {"type": "string"}}},
    },
    **problems(401, 403, 404, 503),
}
