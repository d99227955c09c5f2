"""A request and a response, as plain values."""

from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, NamedTuple

from edge.errors import Later
from shared.errors import PROBLEM_TYPE, DoorstepError, problem

Background = Callable[[], Coroutine[Any, Any, None]]
"""Work that goes on after the response was sent."""


class Sender(NamedTuple):
    """What the host tells of whoever sends something; empty when absent."""

    content_type: str = ""
    user_agent: str = ""
    gpc: str = ""
    """``Sec-GPC``: "1" asks not to be tracked."""
    traceparent: str = ""
    address: str = ""
    """The client's, as far as a proxy of ours or the platform vouches for it."""
    country: str = ""
    colo: str = ""
    """The point of presence."""
    scheme: str = ""
    """What the browser spoke: "https", or "http"."""

    @property
    def secure(self) -> bool:
        return self.scheme == "https"


class Request(NamedTuple):
    """What the host tells of a request; ``query`` is the raw query string, headers are empty when absent."""

    method: str
    path: str
    query: str
    cookie: str
    if_none_match: str
    sender_lines: str
    """:class:`Sender`'s fields, one a line; empty for GET and HEAD, whose way is the hot one."""
    body: str

    @property
    def sender(self) -> Sender:
        return Sender(*self.sender_lines.split("\n"))


class Response(NamedTuple):
    """What the host sends. Status 0 asks it for the bundle's own popular list."""

    status: int
    headers: Mapping[str, str]
    body: str
    background: Background | None = None
    cookies: tuple[str, ...] = ()
    """Values of ``Set-Cookie`` headers."""


def failure(error: DoorstepError) -> Response:
    """The problem document for ``error``."""
    headers = {"content-type": PROBLEM_TYPE, "cache-control": "no-store"}
    if isinstance(error, Later):
        headers["retry-after"] = str(error.after_s)
    return Response(error.status, headers, problem(error))


def with_background(response: Response, work: Background | None) -> Response:
    """``response`` with ``work`` to be done after it, behind what it has to do anyway."""
    if work is None:
        return response
    first = response.background
    return response._replace(background=partial(_both, first, work) if first else work)


async def _both(first: Background, second: Background) -> None:
    await first()
    await second()
