"""The worker's bundle, built once, and real workerd processes that run it."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from origin.commands.build_edge import ROOT, build
from origin.edge_process import find_workerd
from origin.node import command, with_node
from tests.models import model_bytes
from tests.processes import Process, free_port, running

ENTRY = Path(__file__).with_name("worker.mjs")
WORKERD = find_workerd(ROOT)
ITEMS = 600

Serve = Callable[..., "Edge"]


class Edge:
    """A workerd process and where it answers."""

    def __init__(self, process: Process, url: str) -> None:
        self.process = process
        self.url = url


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Builds a bundle with the test entry; its arguments are those of ``build``. Returns the bundle's folder."""
    if WORKERD is None:
        reason = "workerd is not installed: make setup"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)

    def make(name: str, **options: object) -> Path:
        out = tmp_path_factory.mktemp("bundle") / name
        build(out, **{"entry": ENTRY, **options})  # type: ignore[arg-type]
        return out

    return make


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.bin"
    path.write_bytes(model_bytes(items=ITEMS))
    return path


@pytest.fixture(scope="session")
def bundle(built: Callable[..., Path], model_file: Path) -> Path:
    return built("edge", model=model_file)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts workerd on a bundle; stops it after the test."""
    with ExitStack() as stack:

        def start(folder: Path, *, ready: str = "/healthz", **env: str) -> Edge:
            return stack.enter_context(_served(folder, tmp_path / f"workerd-{free_port()}.log", ready, env))

        yield start


@pytest.fixture(scope="session")
def edge(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """One worker without an origin, for all tests that leave it as they found it."""
    with _served(bundle, tmp_path_factory.mktemp("edge") / "workerd.log", "/healthz", {}) as running_edge:
        yield running_edge


@contextmanager
def _served(folder: Path, log: Path, ready: str, env: dict[str, str]) -> Iterator[Edge]:
    address = f"127.0.0.1:{free_port()}"
    command = [str(WORKERD), "serve", "--binary", str(folder / "workerd.bin"), "--socket-addr", f"http={address}"]
    with running(command, env=env, log=log, ready=f"http://{address}{ready}") as process:
        yield Edge(process, f"http://{address}")


def eventually(holds: Callable[[], bool], edge: Edge, seconds: float = 10) -> None:
    """Wait until ``holds()``; fails with the worker's log when time runs out."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, edge.process.output()
        time.sleep(0.05)


def node(script: str, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run a script under Node 24 in wrangler/."""
    return subprocess.run(
        [*command("node", os.environ), script, *arguments],
        cwd=ROOT / "wrangler", env=with_node(os.environ), capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
