"""What a handler may ask of its host. An effect is awaited; the host performs it inside the request that asked.

Handlers hold no loop, lock, future or stream, so nothing can leak from one request into another
(docs/narrow-call.md has the wire form).
"""

import json
from collections.abc import Generator, Mapping
from typing import NamedTuple


class EffectFailed(Exception):
    """The host could not do it: no connection, a timeout, a refused model. The message says what happened."""


class Reply(NamedTuple):
    """What came back: a status (0 if there was nothing), lower-case header names, the body as text.

    Several ``Set-Cookie`` headers are one value, each on a line of its own.
    """

    status: int
    headers: Mapping[str, str]
    body: str


class Effect:
    """One wish of a handler; ``await effect`` gives its :class:`Reply` or raises :class:`EffectFailed`."""

    def __init__(self, do: str, **fields: object) -> None:
        self.wire = json.dumps({"do": do, **fields}, separators=(",", ":"))

    def __await__(self) -> Generator["Effect", str, Reply]:
        value = yield self
        return _reply(value)


def fetch(
    url: str, timeout_ms: int, headers: Mapping[str, str] | None = None, method: str = "GET", body: str = ""
) -> Effect:
    """An HTTP request, aborted after ``timeout_ms`` with the reading of the body included."""
    return Effect("fetch", url=url, method=method, headers=dict(headers or {}), body=body, timeout_ms=timeout_ms)


def cache_get(key: str) -> Effect:
    """The point of presence's copy under ``key`` (a URL); status 0 if there is none."""
    return Effect("cache_get", key=key)


def cache_put(key: str, headers: Mapping[str, str], body: str) -> Effect:
    """Keep ``body`` at the point of presence for as long as ``cache-control`` in ``headers`` says."""
    return Effect("cache_put", key=key, headers=dict(headers), body=body)


def load_model(url: str, timeout_ms: int, headers: Mapping[str, str]) -> Effect:
    """Fetch a model into memory and adopt it; the body of a 200 is the model's name."""
    return Effect("load_model", url=url, headers=dict(headers), timeout_ms=timeout_ms)


def _reply(value: str) -> Reply:
    if not value:
        return Reply(0, {}, "")
    status, _, rest = value.partition("\n")
    headers, _, body = rest.partition("\n")
    return Reply(int(status), json.loads(headers), body)
