"""A real workerd for benchmarks."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from origin.commands.build_edge import ROOT, build
from origin.edge_process import find_workerd
from tests.processes import free_port, running


def workerd() -> Path:
    """As :func:`find_workerd`, but raises FileNotFoundError."""
    found = find_workerd(ROOT)
    if found is None:
        raise FileNotFoundError("workerd is not installed: make setup")
    return found


@contextlib.contextmanager
def serving(scratch: Path, *arguments: str, ready: str = "", **options: Any) -> Iterator[str]:
    """The URL of a worker whose bundle is built in ``scratch`` with ``options`` of ``build``.

    ``arguments`` go to workerd; ``ready`` is a path that answers 200, by default the SDK's.
    """
    scratch.mkdir(exist_ok=True)
    build(scratch / "edge", **options)
    address = f"127.0.0.1:{free_port()}"
    binary = str(scratch / "edge" / "workerd.bin")
    command = [str(workerd()), "serve", "--binary", binary, "--socket-addr", f"http={address}", *arguments]
    url = f"http://{address}"
    with running(command, env=dict(os.environ), log=scratch / "workerd.log", ready=url + (ready or "/doorstep.js")):
        yield url
