"""Who comes with a request: verifies signed cookies, and remembers which ones it has verified."""

from cachetools import LRUCache

from shared.visitor import VISITOR_COOKIE, cookie, verify

_REMEMBERED = 4096


class Visitors:
    """Checking a signature costs more than the rest of a cached answer, so each token is checked once."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._verified: LRUCache[str, str] = LRUCache(_REMEMBERED)

    def of(self, cookie_header: str) -> str | None:
        """The visitor whom a ``Cookie`` header names, signed; None without a valid signature."""
        token = cookie(cookie_header, VISITOR_COOKIE)
        if not token:
            return None
        visitor = self._verified.get(token)
        if visitor is None:
            visitor = verify(self._secret, token)
            if visitor is not None:  # forged ones are not kept: they would drive out the others
                self._verified[token] = visitor
        return visitor
