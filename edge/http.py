"""A request and a response, as plain values."""

from collections.abc import Coroutine, Mapping
from typing import Any, NamedTuple

from shared.errors import PROBLEM_TYPE, DoorstepError, problem


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
    """What the host sends. Status 0 asks it for the bundle's own popular list.

    ``background`` goes on after the response was sent.
    """

    status: int
    headers: Mapping[str, str]
    body: str
    background: Coroutine[Any, Any, None] | None = None


def failure(error: DoorstepError) -> Response:
    """The problem document for ``error``."""
    return Response(error.status, {"content-type": PROBLEM_TYPE, "cache-control": "no-store"}, problem(error))
