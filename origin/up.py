"""``doorstep up``: Redis, origin, processor and edge, started in order, watched, and stopped together."""

import contextlib
import fcntl
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx

from origin.children import Child
from origin.edge_process import edge_process
from origin.embedded_redis import EmbeddedRedis
from origin.secret import secret_of
from origin.settings import Settings, variable
from shared.errors import BadInput, Unavailable

Say = Callable[[str], None]
_MODULES = {"origin": "origin.server", "processor": "origin.processor"}
_LONGEST_PAUSE_S = 30
_STEADY_S = 60
"""A child that ran so long is given a fresh start: its pause after a crash is short again."""


def up(
    settings: Settings, environ: Mapping[str, str], root: Path, say: Say, prepare: Callable[[Settings], Path]
) -> None:
    """Run everything until SIGINT, SIGTERM or SIGHUP. ``prepare`` sees to model and bundle before anything starts
    and returns the bundle; ``root`` is the project's folder.

    Raises :class:`shared.errors.DoorstepError` if something cannot be started; nothing is left running then either.
    """
    logs = settings.home / "log"
    with _stoppable(), _only_one(settings.home), contextlib.ExitStack() as running:
        check_ports(settings)
        bundle = prepare(settings)
        running.callback(_no_more_interruptions)
        running.callback(say, "stopped")
        children = []
        inherited = {**environ, variable("secret"): secret_of(settings.secret, settings.home)}
        if not settings.redis_url:
            redis = EmbeddedRedis(settings.home / "redis", environ)
            running.callback(redis.stop)
            redis.start()
            inherited[variable("redis_url")] = redis.url
            children.append(redis.child)
            say("Redis answers")
        processor = _program("processor", inherited, root, logs)
        running.callback(processor.stop)
        processor.start()
        children.append(processor)
        for child, url in (
            (_program("origin", inherited, root, logs), settings.origin_url + "/readyz"),
            (edge_process(settings, inherited, root, bundle, logs / "edge.log"), settings.edge_url + "/healthz"),
        ):
            running.callback(child.stop)
            child.start()
            _wait_for(child, url)
            children.append(child)
            say(f"{child.name} answers")
        say(f"\n  shop and edge   {settings.edge_url}/\n  origin          {settings.origin_url}/\n")
        say("Ctrl-C stops everything")
        try:
            watch(children, say)
        except KeyboardInterrupt:
            _no_more_interruptions()
            say("stopping")


def watch(children: list[Child], say: Say, clock: Callable[[], float] = time.monotonic) -> None:
    """Start children that have ended anew, after a pause that doubles each time; until KeyboardInterrupt."""
    pauses = {child.name: 0.5 for child in children}
    started = {child.name: clock() for child in children}
    due: dict[str, float] = {}
    while True:
        time.sleep(0.1)
        for child in children:
            name = child.name
            if name in due:
                if clock() >= due[name]:
                    del due[name]
                    started[name] = clock()
                    child.start()
            elif child.exit_code is not None:
                if clock() - started[name] > _STEADY_S:
                    pauses[name] = 0.5
                say(f"{name} {_ended(child.exit_code)}; starting it again in {pauses[name]:g} s\n{child.last_words()}")
                due[name] = clock() + pauses[name]
                pauses[name] = min(2 * pauses[name], _LONGEST_PAUSE_S)


def check_ports(settings: Settings) -> None:
    """Raise :class:`BadInput`, naming the variable to change, if a port is taken."""
    for name in ("edge_port", "origin_port"):
        port = getattr(settings, name)
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.host, port))
            except OSError as error:
                what = f"cannot listen on {settings.host} port {port} ({error.strerror}); set {variable(name)}"
                raise BadInput("port_taken", f"{what} to another port") from error


def _program(name: str, environ: Mapping[str, str], root: Path, logs: Path) -> Child:
    """The origin or the processor, configured by ``environ``."""
    # One thread for numpy's products: they are small, and more threads would fight with the edge for the cores.
    env = {"OPENBLAS_NUM_THREADS": "1", **environ}
    return Child(name, [sys.executable, "-m", _MODULES[name]], env=env, cwd=root, log=logs / f"{name}.log")


def _wait_for(child: Child, url: str, patience_s: float = 60) -> None:
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        if child.exit_code is not None:
            break
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url, timeout=2).status_code == httpx.codes.OK:
                return
        time.sleep(0.05)
    raise Unavailable("did_not_start", f"{child.name} did not answer at {url}:\n{child.last_words(15)}")


def _ended(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


@contextlib.contextmanager
def _only_one(home: Path) -> Iterator[None]:
    home.mkdir(parents=True, exist_ok=True)
    with (home / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            message = f"`doorstep up` is running with {home} already; set {variable('home')} to another folder"
            raise BadInput("already_up", message) from error
        yield


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """Have SIGTERM and SIGHUP do what Ctrl-C does: raise KeyboardInterrupt in the main thread."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in _STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _no_more_interruptions() -> None:
    """Stopping is under way and takes seconds at most; a second Ctrl-C must not leave it half done."""
    for number in _STOPPING:
        signal.signal(number, signal.SIG_IGN)


_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
