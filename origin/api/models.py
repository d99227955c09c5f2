"""``/v1/models/current``: the artifact in service, for edges to fetch; and rolling back, for whoever has the key."""

import re
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response, StreamingResponse

from origin.api.authorization import check_key
from origin.api.etag import matches, quote
from origin.api.openapi import Responses, problems
from origin.problems import problem_response
from origin.resources import Resources
from shared.errors import BadInput, Unavailable

_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")
_PIECE = 256 * 1024


def router(resources: Resources) -> APIRouter:
    """The routes about models."""
    api = APIRouter(prefix="/v1/models", tags=["models"])

    @api.get("/current", summary="The model in service", operation_id="current_model",
                   response_class=Response, responses=_RESPONSES)  # fmt: skip
    async def current(request: Request) -> Response:
        serving = resources.models.now
        if serving is None:
            raise Unavailable("no_model", "no usable model is published yet")
        name = serving.decider.model.name
        headers = {"ETag": quote(name), "Doorstep-Model": name, "Cache-Control": "no-cache", "Accept-Ranges": "bytes"}
        if matches(request.headers.get("if-none-match"), name):
            return Response(status_code=304, headers=headers)
        wanted = request.headers.get("range")
        if_range = request.headers.get("if-range")
        return _file(serving.artifact, headers, wanted if if_range in (None, quote(name)) else None)

    @api.post("/rollback", summary="Put the model before this one back in force", operation_id="roll_back",
              response_class=JSONResponse, responses=problems(400, 401, 403))  # fmt: skip
    async def roll_back(request: Request) -> Response:
        check_key(request, resources.settings.api_key)
        name = await run_in_threadpool(resources.registry.roll_back)
        await resources.models.refresh()
        return JSONResponse({"model": name})

    return api


_RESPONSES: Responses = {
    200: {"description": "The file.", "content": {"application/octet-stream": {}}},
    206: {"description": "A part of it.", "content": {"application/octet-stream": {}}},
    304: {"description": "The caller has it."},
    **problems(416, 503),
}


def _file(data: memoryview, headers: dict[str, str], wanted: str | None) -> Response:
    """The whole of ``data``, or the range ``wanted``. A header that is not one plain range is ignored (RFC 9110)."""
    size = len(data)
    span = _span(wanted, size)
    if span is None:
        start, end, status = 0, size, 200
    else:
        start, end = span
        status = 206
        if start >= end:
            bad = BadInput("bad_range", f"the file has {size} bytes", 416)
            return problem_response(bad, {"Content-Range": f"bytes */{size}"})
        headers = {**headers, "Content-Range": f"bytes {start}-{end - 1}/{size}"}
    headers = {**headers, "Content-Length": str(end - start)}
    return StreamingResponse(_pieces(data, start, end), status, headers, media_type="application/octet-stream")


def _span(wanted: str | None, size: int) -> tuple[int, int] | None:
    """``start, end`` (exclusive) of a range header; an empty span if it lies outside; None if it is to be ignored."""
    found = _RANGE.fullmatch(wanted or "")
    if not found or found.group(0) == "bytes=-":
        return None
    first, last = found.groups()
    if not first:
        return max(0, size - int(last)), size
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1 if last else size, size)


async def _pieces(data: memoryview, start: int, end: int) -> AsyncIterator[bytes]:
    for at in range(start, end, _PIECE):
        yield bytes(data[at : min(at + _PIECE, end)])
