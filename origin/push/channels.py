"""Redis pub/sub for the hub: one connection per process, which comes back by itself."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

import redis.asyncio as redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

_log = logging.getLogger(__name__)
_PAUSES_S = (0.05, 0.1, 0.2, 0.5, 1.0)
_PING_S = 5.0
_AT_ONCE = 500
"""Channels named in one command when all are subscribed to anew."""


class Channels:
    """Tells ``heard(channel, message)`` what is published on the channels that are wanted.

    After a loss of the connection all of them are subscribed to anew and ``back()`` is called: messages were missed.
    """

    def __init__(self, url: str, *, heard: Callable[[str, bytes], None], back: Callable[[], None]) -> None:
        self._url = url
        self._heard = heard
        self._back = back
        self._wanted: set[str] = set()
        self._confirmed: dict[str, asyncio.Future[None]] = {}
        self._pubsub: PubSub | None = None
        self._speaking = asyncio.Lock()
        self._closing = False
        self._last_heard_s = 0.0

    @property
    def connected(self) -> bool:
        return self._pubsub is not None

    async def subscribe(self, channel: str, patience_s: float) -> None:
        """Want ``channel``. Returns when Redis has confirmed it, or after ``patience_s``: then it will be, some day."""
        self._wanted.add(channel)
        if self._pubsub is None:
            return
        confirmed = self._confirmed.setdefault(channel, asyncio.get_running_loop().create_future())
        with contextlib.suppress(redis.RedisError, OSError, TimeoutError):
            async with self._speaking:
                if self._pubsub:
                    await self._pubsub.subscribe(channel)
            async with asyncio.timeout(patience_s):
                await asyncio.shield(confirmed)

    async def unsubscribe(self, channel: str) -> None:
        """Want ``channel`` no longer."""
        self._wanted.discard(channel)
        async with self._speaking:
            if self._pubsub is None or channel in self._wanted:
                return  # wanted again meanwhile
            with contextlib.suppress(redis.RedisError, OSError):
                await self._pubsub.unsubscribe(channel)

    async def run(self) -> None:
        """Listen until :meth:`close`; connection losses are survived."""
        client = redis.Redis.from_url(
            self._url, socket_connect_timeout=2, socket_timeout=2 * _PING_S, retry=Retry(NoBackoff(), 0)
        )
        try:
            await self._keep_listening(client)
        finally:
            await client.aclose()

    def close(self) -> None:
        """End :meth:`run` at its next look, which is within a fraction of a second."""
        self._closing = True

    async def _keep_listening(self, client: redis.Redis) -> None:
        failures, missed = 0, False
        while not self._closing:
            pubsub = client.pubsub()
            try:
                await self._listen(pubsub, missed)
            except (redis.RedisError, OSError, TimeoutError) as error:
                if self.connected:
                    _log.warning("lost the connection to Redis for open pages (%r); trying again", error)
                    failures = 0
                missed = True
            finally:
                self._pubsub = None
                self._give_up_waiting()
                with contextlib.suppress(redis.RedisError, OSError):
                    await pubsub.aclose()  # type: ignore[no-untyped-call]
            if not self._closing:
                await asyncio.sleep(_PAUSES_S[min(failures, len(_PAUSES_S) - 1)])
                failures += 1

    async def _listen(self, pubsub: PubSub, missed: bool) -> None:
        await pubsub.connect()  # type: ignore[no-untyped-call]
        wanted = [_EVERYTHING, *self._wanted]
        for start in range(0, len(wanted), _AT_ONCE):
            await pubsub.subscribe(*wanted[start : start + _AT_ONCE])
        self._pubsub = pubsub
        for channel in self._wanted - set(wanted):  # came while we subscribed
            await pubsub.subscribe(channel)
        if missed:
            _log.info("open pages hear from Redis again")
            self._back()
        loop = asyncio.get_running_loop()
        self._last_heard_s = asked_s = loop.time()
        while not self._closing:
            message = await pubsub.get_message(timeout=0.25)
            now_s = loop.time()
            if message is not None:
                self._last_heard_s = now_s
                self._take(message)
            elif now_s - self._last_heard_s > 2 * _PING_S:
                raise TimeoutError("no answer to a ping")
            elif now_s - max(asked_s, self._last_heard_s) > _PING_S:
                asked_s = now_s
                await pubsub.ping()

    def _take(self, message: dict[str, object]) -> None:
        channel = message.get("channel")
        name = channel.decode() if isinstance(channel, bytes) else str(channel)
        if message["type"] == "message" and isinstance(data := message["data"], bytes):
            self._heard(name, data)
        elif message["type"] == "subscribe":
            waiting = self._confirmed.pop(name, None)
            if waiting and not waiting.done():
                waiting.set_result(None)

    def _give_up_waiting(self) -> None:
        for waiting in self._confirmed.values():
            if not waiting.done():
                waiting.set_result(None)
        self._confirmed.clear()


_EVERYTHING = "doorstep:live:*"
"""Never published on: a connection that has subscribed to nothing may not listen."""
