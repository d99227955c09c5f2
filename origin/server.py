"""Runs the origin: ``python -m origin.server``, configured by ``DOORSTEP_*`` variables."""

import logging
import os
import socket
import sys
from collections.abc import Mapping

import uvicorn

from origin.app import create_app
from origin.http_protocol import ProblemProtocol
from origin.resources import Resources
from origin.settings import Settings
from shared.errors import BadInput


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM."""
    resources = Resources(settings)
    config = uvicorn.Config(
        create_app(settings, resources=resources), host=settings.host, port=settings.origin_port, http=ProblemProtocol,
        ws="websockets-sansio", ws_per_message_deflate=False, ws_ping_interval=None, ws_max_size=1024,
        access_log=False, log_level="warning", timeout_keep_alive=75, timeout_graceful_shutdown=5,
    )  # fmt: skip
    _Server(config, resources).run()


class _Server(uvicorn.Server):
    """Lets go of open pages before it waits for connections to end: they never do by themselves."""

    def __init__(self, config: uvicorn.Config, resources: Resources) -> None:
        super().__init__(config)
        self._resources = resources

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._resources.hub.shut()
        await super().shutdown(sockets)


def main(environ: Mapping[str, str]) -> int:
    """The process's whole life; its exit code."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        settings = Settings.from_environ(environ)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    serve(settings)
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
