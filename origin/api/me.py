"""``/v1/me``: what is kept of the caller, to see and to erase; ``/v1/erasures``: whether that is done."""

import re

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from origin.api.openapi import problems
from origin.resources import Resources
from origin.senders import over_https
from shared.context import consent_of
from shared.errors import BadInput
from shared.visitor import HISTORY_COOKIE, VISITOR_COOKIE, forget_cookie, visitor_from_cookie

_RECEIPT = r"[A-Za-z0-9_-]{8,64}"
_PRIVATE = {"Cache-Control": "private, no-store"}


def router(resources: Resources) -> APIRouter:
    """The routes. The caller is whom the signed cookie names."""
    api = APIRouter(prefix="/v1", tags=["privacy"])

    @api.get("/me", summary="Everything kept of the caller", operation_id="export_me",
             response_class=JSONResponse, responses=problems(401, 503))  # fmt: skip
    async def export(request: Request) -> Response:
        visitor = _caller(request, resources.secret)
        gpc = request.headers.get("sec-gpc") == "1"
        consent = consent_of(None, request.headers.get("cookie", ""), gpc, resources.settings.consent)
        headers = {**_PRIVATE, "Content-Disposition": 'attachment; filename="doorstep-me.json"'}
        return JSONResponse(await resources.exports.of(visitor, consent), headers=headers)

    @api.delete("/me", summary="Erase everything kept of the caller", operation_id="erase_me",
                response_class=JSONResponse, responses={202: _UNDER_WAY, **problems(401, 503)})  # fmt: skip
    async def erase(request: Request) -> Response:
        """200 when it is done; 202 when it is certain to be done but was not within five seconds."""
        done, receipt = await resources.erasures.erase(_caller(request, resources.secret))
        response = JSONResponse({"erased": done, "receipt": receipt}, 200 if done else 202, _PRIVATE)
        secure = over_https(request.url.scheme, request.headers.get("x-forwarded-proto", ""))
        for name in (VISITOR_COOKIE, HISTORY_COOKIE):
            response.headers.append("set-cookie", forget_cookie(name, secure=secure))
        return response

    @api.get("/erasures/{receipt}", summary="Whether an erasure is done", operation_id="erasure",
             response_class=JSONResponse, responses=problems(404, 503))  # fmt: skip
    async def erasure(receipt: str) -> Response:
        """Receipts are known for a day after the erasure: then, and before it, `erased` is false."""
        if not re.fullmatch(_RECEIPT, receipt):
            raise BadInput("not_found", "this is no receipt", 404)
        return JSONResponse({"erased": await resources.erasures.done(receipt), "receipt": receipt}, headers=_PRIVATE)

    return api


_UNDER_WAY = {"description": "It is certain to be done, and under way."}


def _caller(request: Request, secret: str) -> str:
    visitor = visitor_from_cookie(secret, request.headers.get("cookie", ""))
    if not visitor:
        raise BadInput("no_visitor", "the request carries no visitor's cookie that we signed: nobody is known", 401)
    return visitor
