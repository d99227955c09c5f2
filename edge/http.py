"""A request and a response, as plain values."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NamedTuple

from shared.errors import PROBLEM_TYPE, DoorstepError, problem

Background = Callable[[], Coroutine[Any, Any, None]]
"""Work that goes on after the response was sent."""


class Request(NamedTuple):
    """What the host tells of a request; ``query`` is the raw query string, headers are empty when absent."""

    method: str
    path: str
    query: str
    cookie: str
    if_none_match: str
    content_type: str
    user_agent: str
    body: str


class Response(NamedTuple):
    """What the host sends. Status 0 asks it for the bundle's own popular list."""

    status: int
    headers: Mapping[str, str]
    body: str
    background: Background | None = None


def failure(error: DoorstepError) -> Response:
    """The problem document for ``error``."""
    return Response(error.status, {"content-type": PROBLEM_TYPE, "cache-control": "no-store"}, problem(error))
