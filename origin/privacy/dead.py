"""The dead letters of one visitor: events that could not be folded, kept for somebody to look at."""

import asyncio
from collections.abc import Iterator
from typing import Any

import redis.asyncio as redis

from shared.errors import Unavailable

STREAM = "doorstep:dead"
_PAGE = 500
_WAIT_S = 2.0


class DeadLetters:
    """Reads them; the stream is bounded, so all of it is looked through. Without a ``client`` there are none."""

    def __init__(self, client: redis.Redis | None) -> None:
        self._client = client

    async def of(self, visitor: str) -> list[dict[str, Any]]:
        """Each as its fields say, as text. Raises :class:`Unavailable`."""
        found: list[dict[str, Any]] = []
        after = "-"
        while self._client is not None:
            try:
                async with asyncio.timeout(_WAIT_S):
                    page: Any = await self._client.xrange(STREAM, after, "+", count=_PAGE)
            except (redis.RedisError, OSError, TimeoutError) as error:
                raise Unavailable("store_unavailable", f"Redis does not answer: {error!r}") from error
            found += _letters(page, visitor)
            if len(page) < _PAGE:
                break
            after = f"({page[-1][0].decode()}"
        return found


def _letters(page: list[tuple[bytes, dict[bytes, bytes]]], visitor: str) -> Iterator[dict[str, Any]]:
    name = visitor.encode()
    for id_, fields in page:
        if fields.get(b"visitor") == name:
            told = {k.decode(errors="replace"): v.decode(errors="backslashreplace") for k, v in fields.items()}
            yield {"at": int(id_.split(b"-")[0]), **told}
