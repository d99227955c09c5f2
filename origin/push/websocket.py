"""The same lists over a WebSocket, for pages behind something that holds server-sent events back."""

import asyncio
import contextlib

from starlette.types import Receive, Scope, Send

from origin.push.hub import Hub
from origin.push.page import Pushed
from origin.push.sse import Ending, MakePage
from shared.errors import PROBLEM_TYPE, DoorstepError, problem

_GOING_AWAY = 1001
_TRY_AGAIN = 1013
_BEAT = '{"event":"beat"}'
_GOODBYE_S = 1.0


def message(pushed: Pushed) -> str:
    """A list as a message: what an event of the other transport says, as one JSON object."""
    return f'{{"event":"items","id":"{pushed.seen}","data":{pushed.body.decode()}}}'


async def converse(hub: Hub, make: MakePage, receive: Receive, send: Send) -> None:
    """Serve one page until its browser leaves or the hub drops it. What the browser says is not listened to.

    Raises what :meth:`Hub.open` raises, before the connection is accepted.
    """

    async def write(pushed: Pushed | None) -> None:
        await send({"type": "websocket.send", "text": _BEAT if pushed is None else message(pushed)})

    await receive()  # websocket.connect
    end = Ending()
    page = make(write, end)
    await hub.open(page)
    try:
        await send({"type": "websocket.accept"})
        page.begin()
        await end.wait_for(receive, "websocket.disconnect")
    finally:
        hub.close(page)
    if end.wanted:
        with contextlib.suppress(TimeoutError, OSError, RuntimeError):  # the browser may have left at the same time
            async with asyncio.timeout(_GOODBYE_S):
                await send({"type": "websocket.close", "code": _GOING_AWAY})


async def refuse(error: DoorstepError, scope: Scope, send: Send) -> None:
    """Answer the handshake with a problem document where the server can, else close."""
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": _TRY_AGAIN, "reason": error.code})
        return
    headers = [(b"content-type", PROBLEM_TYPE.encode()), (b"cache-control", b"no-store")]
    if error.retry:
        headers.append((b"retry-after", b"1"))
    await send({"type": "websocket.http.response.start", "status": error.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": problem(error).encode()})
