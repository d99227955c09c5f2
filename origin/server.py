"""Runs the origin: ``python -m origin.server``, configured by ``DOORSTEP_*`` variables."""

import logging
import os
import sys
from collections.abc import Mapping

import uvicorn

from origin.app import create_app
from origin.http_protocol import ProblemProtocol
from origin.settings import Settings
from shared.errors import BadInput


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM."""
    uvicorn.run(
        create_app(settings), host=settings.host, port=settings.origin_port, http=ProblemProtocol, ws="none",
        access_log=False, log_level="warning", timeout_keep_alive=75, timeout_graceful_shutdown=5,
    )  # fmt: skip


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
