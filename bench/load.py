"""Load on one core from the other: wrk with 4 keep-alive connections, and the server's processor time beside it."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

SCRIPT = Path(__file__).with_name("load.lua")
SERVER_CORE, LOAD_CORE = "0", "1"
CONNECTIONS = 4


class Load(NamedTuple):
    """What one run of wrk saw. ``cpu_us`` is the server's processor time per request, user and system."""

    rps: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    cpu_us: float


def on_server_core(command: Sequence[str]) -> list[str]:
    """``command``, bound to the core that the servers share."""
    return ["taskset", "-c", SERVER_CORE, *command]


def press(url: str, targets: Path, pid: int, seconds: int, script: Path = SCRIPT) -> Load:
    """Load ``url`` for ``seconds`` with what ``script`` makes of a file's lines. RuntimeError if any request failed."""
    if shutil.which("wrk") is None:
        raise FileNotFoundError("wrk is not installed: make system")
    before = cpu_s(pid)
    done = subprocess.run(
        ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), url, "--",
         str(targets)],
        capture_output=True, text=True, timeout=seconds + 30, check=True,
    )  # fmt: skip
    spent_s = cpu_s(pid) - before
    seen = json.loads(done.stdout.strip().splitlines()[-1])
    if seen["failed"] or not seen["requests"]:
        raise RuntimeError(f"{url}: {seen['failed']} of {seen['requests']} requests failed")
    return Load(
        seen["requests"] / seen["seconds"], seen["p50_ms"], seen["p90_ms"], seen["p99_ms"],
        spent_s / seen["requests"] * 1e6,
    )  # fmt: skip


def cpu_s(pid: int) -> float:
    """User and system time of a process so far, seconds (proc_pid_stat(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
