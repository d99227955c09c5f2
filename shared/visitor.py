"""What a request's cookies say of its visitor. Cookies are hints: a broken one is as good as none, never an error."""

from urllib.parse import unquote

from shared.answer import MAX_ID_BYTES
from shared.blend import HISTORY

HISTORY_COOKIE = "doorstep_history"


def history_cookie(header: str) -> str:
    """The raw value of the history cookie in a ``Cookie`` header; empty if there is none."""
    start = header.find(HISTORY_COOKIE + "=")
    if start < 0 or (start and header[start - 1] not in " ;"):
        return ""
    return header[start + len(HISTORY_COOKIE) + 1 :].partition(";")[0].strip(' "')


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
