"""Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html as a bare ASGI response."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from starlette.types import Receive, Send

from origin.push.hub import Hub
from origin.push.page import Page, Pushed

HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would collect them
]
_RETRY = b"retry: 2000\n\n"
_BEAT = b": beat\n\n"
_GOODBYE_S = 1.0
MakePage = Callable[[Callable[[Pushed | None], Coroutine[Any, Any, None]], Callable[[], None]], Page]
"""Makes the page of a request, given how to write to it and how to end it."""


def event(pushed: Pushed) -> bytes:
    """A list as an event. Answers are JSON in one line, so one data line holds it."""
    return b"id: %b\nevent: items\ndata: %b\n\n" % (pushed.seen.encode(), pushed.body)


async def stream(hub: Hub, make: MakePage, receive: Receive, send: Send) -> None:
    """Serve one page until its browser leaves or the hub drops it.

    Raises what :meth:`Hub.open` raises, before anything is sent. While nothing happens, all there is of a connection
    is this coroutine, waiting in ``receive``.
    """

    async def write(pushed: Pushed | None) -> None:
        body = _BEAT if pushed is None else event(pushed)
        await send({"type": "http.response.body", "body": body, "more_body": True})

    end = Ending()
    page = make(write, end)
    await hub.open(page)
    try:
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": _RETRY, "more_body": True})
        page.begin()
        await end.wait_for(receive, "http.disconnect")
    finally:
        hub.close(page)
    if end.wanted:
        async with asyncio.timeout(_GOODBYE_S):
            await send({"type": "http.response.body", "body": b""})


class Ending:
    """Called, it ends the wait of the task that it was made in."""

    def __init__(self) -> None:
        self.wanted = False
        self._task = asyncio.current_task()
        self._waiting = False

    def __call__(self) -> None:
        self.wanted = True
        if self._waiting and self._task:
            self._task.cancel()

    async def wait_for(self, receive: Receive, last: str) -> None:
        """Receive messages up to one of type ``last``, or until called."""
        self._waiting = True
        try:
            while not self.wanted and (await receive())["type"] != last:
                pass
        except asyncio.CancelledError:
            if not self.wanted or self._task is None:
                raise
            self._task.uncancel()
        finally:
            self._waiting = False
