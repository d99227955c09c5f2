"""Erasing a visitor: ordered through the log, as every change of a profile; the processor does it and signs for it."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import redis.asyncio as redis

from origin.ingest import Ingest
from origin.stream.erase import receipt_key
from shared.errors import Unavailable
from shared.events import ERASE, Event

_LOOK_S = 0.02
_LONGEST_LOOK_S = 0.2


class Erasure(NamedTuple):
    """``done`` is False while it is under way; the receipt asks again."""

    done: bool
    receipt: str


class Erasures:
    """``draw_id`` makes receipts that nobody can guess; ``client`` is the Redis in which they are confirmed."""

    def __init__(
        self,
        ingest: Ingest,
        client: redis.Redis | None,
        *,
        draw_id: Callable[[], str],
        clock: Callable[[], float],
        patience_s: float = 5.0,
    ) -> None:
        self._ingest = ingest
        self._client = client
        self._draw_id = draw_id
        self._clock = clock
        self._patience_s = patience_s

    async def erase(self, visitor: str) -> Erasure:
        """Order the erasure of ``visitor`` and wait for it a little. Raises :class:`Unavailable` if it is not even
        certain that it is ordered."""
        receipt = self._draw_id()
        await self._ingest.append([Event(receipt, visitor, ERASE, int(self._clock() * 1000))])
        pause_s = _LOOK_S
        try:
            async with asyncio.timeout(self._patience_s):
                while not await self.done(receipt):
                    await asyncio.sleep(pause_s)
                    pause_s = min(1.5 * pause_s, _LONGEST_LOOK_S)
        except (TimeoutError, Unavailable):
            return Erasure(False, receipt)
        return Erasure(True, receipt)

    async def done(self, receipt: str) -> bool:
        """Whether the erasure with this receipt was completed within the last day. Raises :class:`Unavailable`."""
        if self._client is None:
            raise Unavailable("no_store", "this origin has no Redis: set DOORSTEP_REDIS_URL")
        try:
            return bool(await self._client.exists(receipt_key(receipt)))
        except (redis.RedisError, OSError) as error:
            raise Unavailable("store_unavailable", f"Redis does not answer: {error!r}") from error
