"""The processor's end of the profiles in Redis: many visitors a call, and what of it a crash would leave."""

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from origin.profiles.base import Stored, StoreForgot, Write
from origin.profiles.keys import live_channel, profile_key, seal
from origin.profiles.redis import opened
from shared.errors import Unavailable
from shared.visitor import SESSION_MARK

_CHUNK = 500
"""Profiles in one call of the script: while it runs, about two milliseconds, Redis answers nobody."""
_SYNCED_S = 2.0
"""`appendfsync everysec` starts an fsync every second, and stops taking writes while one takes longer than two."""
_SYNCED_BEHIND_S = 5.0
"""The same if an fsync is under way: it may have begun before the write, and the next one takes as long."""
_BARRIER = "doorstep:barrier"
_log = logging.getLogger(__name__)


class _Server(NamedTuple):
    """What a connection has learnt of the server at its other end."""

    run_id: str
    has_waitaof: bool
    script: str


class RedisProfileWriter:
    """Writes by one script with a guard, on one connection, which is never made anew unnoticed: behind a new one may
    stand a server that has forgotten. Whatever Redis refuses is an :class:`Unavailable`, and ends the connection.
    """

    def __init__(
        self,
        url: str,
        *,
        profile_days: float,
        session_profile_h: float,
        timeout_s: float = 5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = redis.ConnectionPool.from_url(
            url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=Retry(NoBackoff(), 0)
        )
        self._lives_s = max(1, round(profile_days * 24 * 3600))
        self._session_lives_s = max(1, round(session_profile_h * 3600))
        self._clock = clock
        self._code = (files("origin.profiles") / "lua" / "write.lua").read_bytes()
        self._connection: Any = None
        self._server: _Server | None = None
        self._writes = 0
        self._unsafe: deque[float] = deque()
        """When those calls of :meth:`write` returned that are not known to be safe; the last one is ``_writes``."""
        self._warned = False

    def get_many(self, visitors: Sequence[str]) -> list[Stored | None]:
        if not visitors:
            return []
        (values,) = self._ask(("MGET", *map(profile_key, visitors)))
        return [opened(value) if value else None for value in values]

    def write(self, writes: Sequence[Write]) -> list[bool]:
        """As in the contract. A call without writes is one, too: what others wrote before is safe when it is."""
        commands = [self._script(writes[at : at + _CHUNK]) for at in range(0, len(writes), _CHUNK)]
        if not commands:
            commands = [("SET", _BARRIER, b"", "EX", 60)]
        replies = self._ask(*commands)
        self._writes += 1
        self._unsafe.append(self._clock())
        return [done == 1 for reply in replies for done in reply] if writes else []

    def safe(self) -> int:
        (persistence,) = self._ask(("INFO", "persistence"))
        facts = _facts(persistence)
        if facts.get("aof_enabled") != "1":
            self._warn()
            self._unsafe.clear()
        elif facts.get("aof_last_write_status") == "ok" and self._unsafe:
            self._forget_older(self._synced(facts))
        return self._writes - len(self._unsafe)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.disconnect()
        self._connection = None

    def _script(self, writes: Sequence[Write]) -> tuple[Any, ...]:
        keys: list[str] = []
        arguments: list[bytes | int | str] = []
        for visitor, profile, position, push in writes:
            keys.append(profile_key(visitor))
            lives_s = self._session_lives_s if visitor.startswith(SESSION_MARK) else self._lives_s
            arguments += (seal(profile, position), lives_s, live_channel(visitor) if push else b"")
        return ("EVALSHA", self._connected().script, len(keys), *keys, *arguments)

    def _synced(self, facts: dict[str, str]) -> float:
        """Writes that returned by this time, of our clock, are on the disk."""
        now_s = self._clock()
        if self._fsync() == "always" or self._has_waited():
            return now_s
        behind = facts.get("aof_pending_bio_fsync", "0") != "0" or facts.get("aof_buffer_length", "0") != "0"
        return now_s - (_SYNCED_BEHIND_S if behind else _SYNCED_S)

    def _fsync(self) -> str:
        """The server's ``appendfsync``; as if ``everysec`` where it must not be asked."""
        try:
            (reply,) = self._ask(("CONFIG", "GET", "appendfsync"), forgiving=True)
        except redis.ResponseError:
            return "everysec"
        pair = next(iter(reply.items())) if isinstance(reply, dict) else reply
        return bytes(pair[1]).decode() if pair else "everysec"

    def _has_waited(self) -> bool:
        """Whether the server says that everything written on this connection is on its disk."""
        if not self._connected().has_waitaof:
            return False
        try:
            (reply,) = self._ask(("WAITAOF", 1, 0, 1), forgiving=True)
        except redis.ResponseError:
            return False
        return int(reply[0]) >= 1

    def _forget_older(self, synced_s: float) -> None:
        while self._unsafe and self._unsafe[0] <= synced_s:
            self._unsafe.popleft()

    def _warn(self) -> None:
        if not self._warned:
            _log.warning("Redis keeps no append-only file: if it crashes, profiles are lost. Set appendonly yes")
        self._warned = True

    def _ask(self, *commands: tuple[Any, ...], forgiving: bool = False) -> list[Any]:
        """The replies to ``commands``, sent together. ``forgiving`` passes a refusal on as redis.ResponseError."""
        self._connected()
        try:
            return _replies(self._connection, commands)
        except redis.ResponseError as error:
            if forgiving:
                raise
            raise self._failed(error) from error
        except (redis.RedisError, OSError) as error:
            raise self._failed(error) from error

    def _connected(self) -> _Server:
        """The server at the other end; connects if there is none. Raises :class:`StoreForgot` if it is another one."""
        if self._connection is not None and self._server is not None:
            return self._server
        connection = self._pool.connection_class(**self._pool.connection_kwargs)
        try:
            connection.connect()
            info, script = _replies(connection, [("INFO", "server"), ("SCRIPT", "LOAD", self._code)])
        except (redis.RedisError, OSError) as error:
            connection.disconnect()
            raise self._failed(error) from error
        facts = _facts(info)
        before, self._connection = self._server, connection
        self._server = _Server(facts["run_id"], _version(facts) >= (7, 2), bytes(script).decode())
        if before and before.run_id != self._server.run_id:
            self._writes = 0
            self._unsafe.clear()
            raise StoreForgot("store_forgot", "Redis was started anew; what was not safe may be gone")
        return self._server

    def _failed(self, error: Exception) -> Unavailable:
        self.close()
        return Unavailable("profiles_unavailable", f"the profile store: {str(error) or type(error).__name__}")


def _replies(connection: Any, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Send all, then read all: also after a refusal, so that no reply is left for the next question."""
    connection.send_packed_command(connection.pack_commands(commands))
    replies: list[Any] = []
    refused: redis.ResponseError | None = None
    for _ in commands:
        try:
            replies.append(connection.read_response())
        except redis.ResponseError as error:
            refused = refused or error
    if refused:
        raise refused
    return replies


def _facts(info: bytes) -> dict[str, str]:
    """The lines of an INFO reply by name."""
    return dict(line.split(":", 1) for line in info.decode().splitlines() if ":" in line)


def _version(facts: dict[str, str]) -> tuple[int, ...]:
    return tuple(int(part) for part in facts.get("redis_version", "0").split(".")[:2] if part.isdigit())
