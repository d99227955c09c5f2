"""Questions that only the origin can answer are passed to it as they are, and its answers back."""

from functools import partial

from edge.effects import EffectFailed, Reply, fetch
from edge.errors import Later, NotSetUp
from edge.http import Request, Response
from edge.isolate import Isolate

_DEADLINE_MS = 10_000
"""An export looks through the whole log."""
_BACK = ("content-type", "cache-control", "content-disposition", "etag", "retry-after", "allow")


async def pass_on(isolate: Isolate, request: Request) -> Response:
    """The origin's answer to ``request``. Raises :class:`Later` if it is away, :class:`NotSetUp` if there is none."""
    if not isolate.settings.origin_url:
        raise NotSetUp("no_origin", "this edge has no origin: DOORSTEP_ORIGIN_URL is not set")
    url = f"{isolate.settings.origin_url}{request.path}{'?' if request.query else ''}{request.query}"
    sender = request.sender
    said = {
        "cookie": request.cookie,
        "if-none-match": request.if_none_match,
        "content-type": sender.content_type,
        "x-forwarded-proto": sender.scheme,
    }
    headers = {name: value for name, value in said.items() if value}
    method = "GET" if request.method == "HEAD" else request.method
    try:
        reply: Reply = await fetch(url, _DEADLINE_MS, headers, method, request.body)
    except EffectFailed as error:
        isolate.report(f"the origin did not answer: {error}")
        raise Later("origin_unavailable", "the origin did not answer; try again", after_s=1) from None
    back = {"cache-control": "no-store"} | {name: reply.headers[name] for name in _BACK if name in reply.headers}
    cookies = reply.headers.get("set-cookie", "")
    return Response(reply.status, back, reply.body, cookies=tuple(cookies.split("\n")) if cookies else ())


async def pass_on_me(isolate: Isolate, request: Request) -> Response:
    """``/v1/me``: as :func:`pass_on`; after an erasure nothing of the visitor is held here either."""
    visitor = isolate.visitors.of(request.cookie)
    response = await pass_on(isolate, request)
    if request.method != "DELETE" or response.status >= 300 or visitor is None:
        return response
    isolate.profiles.forget(visitor)
    return response._replace(background=partial(isolate.profiles.forget_nearby, visitor))
