"""Who a request comes from: signed visitor ids, and what the cookies carry.

Cookies are hints: a broken or forged one is as good as none, never an error. What is set says ``Secure`` where the
browser came by https (``secure``): without https it would not keep such a cookie.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from hashlib import blake2b
from urllib.parse import quote, unquote

from shared.answer import MAX_ID_BYTES
from shared.blend import HISTORY

HISTORY_COOKIE = "doorstep_history"
VISITOR_COOKIE = "doorstep_visitor"
CONSENT_COOKIE = "doorstep_consent"
SESSION_MARK = "~"
"""Begins the id of a visitor who agreed to the session only: its profile lives for hours, not months."""
_SECURE = {True: "; Secure", False: ""}
_YEAR_S = 365 * 24 * 3600


def cookie(header: str, name: str) -> str:
    """The raw value of cookie ``name`` in a ``Cookie`` header; empty if there is none."""
    start = header.find(name + "=")
    while start > 0 and header[start - 1] not in " ;":
        start = header.find(name + "=", start + 1)
    if start < 0:
        return ""
    return header[start + len(name) + 1 :].partition(";")[0].strip(' "')


def history_cookie(header: str) -> str:
    """The raw value of the history cookie; empty if there is none."""
    return cookie(header, HISTORY_COOKIE)


def history_from_cookie(header: str) -> tuple[str, ...]:
    """The visitor's recent items, newest first, at most 20, from a ``Cookie`` header.

    The cookie holds percent-encoded ids joined by commas. It is not signed: it changes nothing but the caller's answer.
    """
    value = history_cookie(header)
    ids = (unquote(part, errors="strict") if "%" in part else part for part in value.split(",", HISTORY)[:HISTORY])
    try:
        return tuple(i for i in ids if i and len(i) <= MAX_ID_BYTES and i.isprintable())
    except UnicodeDecodeError:
        return ()


def set_history(history: Sequence[str], consent: str, *, secure: bool = False) -> str:
    """The ``Set-Cookie`` value that makes a browser carry ``history``, newest first."""
    value = ",".join(quote(item, safe="~") for item in history[:HISTORY])
    return f"{HISTORY_COOKIE}={value}; Path=/; SameSite=Lax{_SECURE[secure]}{_lifetime(consent)}"


def set_visitor(secret: str, visitor: str, *, secure: bool = False) -> str:
    """The ``Set-Cookie`` value that makes a browser carry ``visitor``, signed; scripts cannot read it."""
    lifetime = _lifetime("session" if visitor.startswith(SESSION_MARK) else "full")
    return f"{VISITOR_COOKIE}={sign(secret, visitor)}; Path=/; HttpOnly; SameSite=Lax{_SECURE[secure]}{lifetime}"


def forget_cookie(name: str, *, secure: bool = False) -> str:
    """The ``Set-Cookie`` value that takes cookie ``name`` away."""
    return f"{name}=; Path=/; Max-Age=0; SameSite=Lax{_SECURE[secure]}"


def sign(secret: str, visitor: str) -> str:
    """``visitor`` with its signature, percent-encoded where a cookie needs it."""
    return f"{quote(visitor, safe='~')}.{_mac(secret, 'visitor', visitor)}"


def verify(secret: str, token: str) -> str | None:
    """The visitor whom ``token`` names, or None if we did not sign it."""
    name, _, signature = token.rpartition(".")
    visitor = unquote(name)
    if not secret or not 0 < len(visitor) <= MAX_ID_BYTES:
        return None
    return visitor if hmac.compare_digest(_bytes(signature), _mac(secret, "visitor", visitor).encode()) else None


def visitor_from_cookie(secret: str, header: str) -> str | None:
    """The visitor whom a ``Cookie`` header names, signed; None without a valid one."""
    token = cookie(header, VISITOR_COOKIE)
    return verify(secret, token) if token else None


def derive(secret: str, seed: str, *, session: bool) -> str:
    """A new visitor's id. The same ``seed`` gives the same id, so a request that is sent again makes no second one."""
    mark = SESSION_MARK if session else ""
    return mark + _mac(secret, "session" if session else "new", seed)


def edge_token(secret: str) -> str:
    """What an edge shows the origin to be believed about visitors and context."""
    return _mac(secret, "edge", "") * 2


def _lifetime(consent: str) -> str:
    return f"; Max-Age={_YEAR_S}" if consent == "full" else ""


def _mac(secret: str, purpose: str, message: str) -> str:
    """Keyed BLAKE2b (RFC 7693) of 15 bytes as 20 characters; ``purpose`` keeps one use's outcome from another."""
    key = blake2b(secret.encode()).digest()
    mac = blake2b(_bytes(message), key=key, digest_size=15, person=purpose.encode()).digest()
    return urlsafe_b64encode(mac).decode()


def _bytes(text: str) -> bytes:
    """UTF-8 of whatever somebody sent: JSON can spell halves of surrogate pairs, which are no characters."""
    return text.encode("utf-8", "surrogatepass")
