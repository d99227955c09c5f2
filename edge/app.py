"""Routes a request to its handler. No input gets a 5xx; what is wrong with it is said as a problem document."""

import json
import re
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

from edge.beacon import beacon
from edge.effects import EffectFailed, fetch
from edge.http import Request, Response, failure, with_background
from edge.isolate import Isolate
from edge.passing import pass_on, pass_on_me
from edge.recommend import recommend
from shared.errors import BadInput, DoorstepError


async def handle(isolate: Isolate, request: Request) -> Response:
    """The response to ``request``. Whoever comes by when it is due also brings the models up to date afterwards."""
    try:
        response = await _route(isolate, request)
    except DoorstepError as error:
        response = failure(error)
    return _with_refresh(isolate, response)


class _Route(NamedTuple):
    handler: Callable[[Isolate, Request], Awaitable[Response]]
    methods: tuple[str, ...] = ("GET", "HEAD")

    @property
    def allow(self) -> str:
        return ", ".join((*self.methods, "OPTIONS"))


async def _route(isolate: Isolate, request: Request) -> Response:
    route = _ROUTES.get(request.path) or (_ERASURE if _RECEIPT.fullmatch(request.path) else None)
    if route is None:
        raise BadInput("not_found", f"there is nothing at {request.path[:100]}", 404)
    if request.method in route.methods:
        return await route.handler(isolate, request)
    if request.method == "OPTIONS":
        return Response(204, {"allow": route.allow}, "")
    error = BadInput("method_not_allowed", f"{request.path} answers {route.allow}, not {request.method[:20]}", 405)
    refused = failure(error)
    return refused._replace(headers={**refused.headers, "allow": route.allow})


async def _health(isolate: Isolate, _: Request) -> Response:
    current = isolate.models.current
    return _json(
        200,
        {
            "status": "ok",
            "python": sys.version.split()[0],
            "platform": sys.platform,
            "model": current.model.name if current else None,
            "rules": isolate.models.rules.version,
            "layers": isolate.hits,
        },
    )


async def _ready(isolate: Isolate, _: Request) -> Response:
    """200 if a model is in memory or the origin answers; the body says which parts are there."""
    origin = "none"
    if isolate.settings.origin_url:
        try:
            reply = await fetch(f"{isolate.settings.origin_url}/healthz", isolate.settings.origin_deadline_ms)
            origin = "ok" if reply.status == 200 else f"answers {reply.status}"
        except EffectFailed as error:
            origin = f"unreachable: {error}"
    model = "ok" if isolate.models.current else "none"
    return _json(200 if "ok" in (model, origin) else 503, {"model": model, "origin": origin})


def _json(status: int, value: object) -> Response:
    return Response(status, {"content-type": "application/json", "cache-control": "no-store"}, json.dumps(value))


def _with_refresh(isolate: Isolate, response: Response) -> Response:
    due = isolate.settings.refresh_s and isolate.now_ms >= isolate.next_refresh_ms
    if not due or not isolate.settings.origin_url:
        return response
    isolate.next_refresh_ms = isolate.now_ms + isolate.settings.refresh_s * 1000
    return with_background(response, partial(_refresh_models, isolate))


async def _refresh_models(isolate: Isolate) -> None:
    try:
        await isolate.models.refresh(isolate.settings.origin_url)
    except (EffectFailed, DoorstepError) as error:
        isolate.report(f"could not refresh the model: {error}")


_RECEIPT = re.compile(r"/v1/erasures/[A-Za-z0-9_~-]{1,64}")
"""Nothing that a URL parser would read as another path."""
_ERASURE = _Route(pass_on)
_ROUTES = {
    "/v1/recommend": _Route(recommend),
    "/v1/events": _Route(beacon, ("POST",)),
    "/v1/me": _Route(pass_on_me, ("GET", "HEAD", "DELETE")),
    "/v1/schema": _Route(pass_on),
    "/healthz": _Route(_health),
    "/readyz": _Route(_ready),
}
