"""Merging one visitor into another: when a customer logs in, what was known of the browser becomes the customer's."""

import json
from collections.abc import Callable
from typing import Any

from origin.ingest import Ingest
from origin.visitors import Visitors
from shared.answer import MAX_ID_BYTES
from shared.errors import BadInput
from shared.events import MERGE_OUT, Event
from shared.visitor import SESSION_MARK, verify


class Merging:
    """``draw_id`` makes ids that nobody can guess, ``clock`` gives epoch seconds."""

    def __init__(
        self, ingest: Ingest, visitors: Visitors, secret: str, draw_id: Callable[[], str], clock: Callable[[], float]
    ) -> None:
        self._ingest = ingest
        self._visitors = visitors
        self._secret = secret
        self._draw_id = draw_id
        self._clock = clock

    async def merge(self, body: str) -> str:
        """Order what ``body`` asks for: ``{"from": id or signed token, "into": id}``; returns where it goes.

        That is another visitor than asked for if that one was merged away itself. Asking again changes nothing.
        Raises :class:`BadInput` with a code that says why not, and :class:`Unavailable`.
        """
        data = _read(body)
        source = verify(self._secret, data["from"]) or _id("from", data["from"])
        into = _id("into", data["into"])
        if into.startswith(SESSION_MARK):
            raise BadInput("bad_into", "a visitor of one session only cannot take in another one")
        if source == into:
            raise BadInput("same_visitor", "from and into are the same visitor")
        there = await self._visitors.end_of(into)
        if there == source:
            raise BadInput("merge_loop", "into was merged into from before", 409)
        profile = await self._visitors.look_up(source)
        if profile and profile.into:
            if await self._visitors.end_of(source) != there:
                raise BadInput("already_merged", "from was merged into another visitor before", 409)
            return there
        now_ms = int(self._clock() * 1000)
        order = Event(f"merge-{self._draw_id()}", source, MERGE_OUT, now_ms, details={"into": there})
        await self._ingest.append([order])
        return there


def _read(body: str) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadInput("bad_json", f"the body is not JSON: {str(error)[:100]}") from None
    if not isinstance(data, dict) or not all(isinstance(data.get(name), str) for name in ("from", "into")):
        raise BadInput("bad_merge", 'the body is {"from": visitor or signed token, "into": visitor}')
    return data


def _id(name: str, text: str) -> str:
    if not 0 < len(text) <= MAX_ID_BYTES or not text.isprintable() or "," in text or " " in text:
        detail = f"{name} is an id of 1 to {MAX_ID_BYTES} printable characters without a comma or space"
        raise BadInput(f"bad_{name}", detail)
    return text
