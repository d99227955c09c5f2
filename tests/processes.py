"""Real processes for tests: start, wait until ready, stop politely or kill, always by pid."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    """A TCP port on loopback that was free a moment ago."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


class Process:
    """A child process in its own process group, its output in ``log``."""

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str] | None = None, log: Path) -> None:
        self.log = log
        with log.open("wb") as out:
            self._child = subprocess.Popen(
                command, env={**os.environ, **(env or {})}, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        self.pid = self._child.pid

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    @property
    def code(self) -> int | None:
        """Its exit code, negative for the signal that ended it; None while it runs."""
        return self._child.poll()

    def wait_for(self, url: str, seconds: float = 30) -> None:
        """Wait until ``url`` answers with 200; fails with the log if the process ends or time runs out."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not self.running:
                raise RuntimeError(f"ended with {self._child.returncode}:\n{self.output()}")
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(url, timeout=1).status_code == 200:
                    return
            time.sleep(0.02)
        raise RuntimeError(f"{url} did not answer within {seconds} s:\n{self.output()}")

    def output(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process alone, e.g. SIGSTOP to make it hang."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL, to the whole group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._child.wait(10)

    def stop(self, seconds: float = 10) -> int:
        """SIGTERM, then SIGKILL if that was not enough. Returns the exit code."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        try:
            code = self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            code = 1
        self.kill()
        return code


@contextlib.contextmanager
def running(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, log: Path, ready: str
) -> Iterator[Process]:
    """A process that answers at ``ready`` inside the block and is gone after it."""
    process = Process(command, env=env, log=log)
    try:
        process.wait_for(ready)
        yield process
    finally:
        process.stop()
