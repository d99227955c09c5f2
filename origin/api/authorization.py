"""Who may use the routes that are not for browsers."""

import hmac

from fastapi import Request

from shared.errors import BadInput
from shared.visitor import edge_token


def check_key(request: Request, key: str) -> None:
    """Raise :class:`BadInput` unless the request carries the API key."""
    if not key:
        raise BadInput("no_api_key", "administration is off; DOORSTEP_API_KEY turns it on", 403)
    if not _names(request, key):
        raise BadInput("bad_api_key", "Authorization: Bearer … must name the API key", 401)


def check_edge_or_key(request: Request, secret: str, key: str) -> None:
    """Raise :class:`BadInput` unless the request comes from our own edge or carries the API key."""
    if not _names(request, edge_token(secret)):
        check_key(request, key)


def _names(request: Request, token: str) -> bool:
    given = request.headers.get("authorization", "")
    return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
