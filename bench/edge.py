"""Edge and origin under load, each beside its floor, in one run: ``python -m bench.edge`` (``make bench-edge``).

Writes bench/out/edge.json. The servers take turns on one core, wrk on the other with 4 keep-alive connections. After a
warm-up of each, the six loads alternate for some rounds, and each row is the round of median throughput.

- floors: a JavaScript worker that returns a constant; a FastAPI route that returns a constant
- computed: 100,000 items, histories of 10 items that differ from request to request, a filter, a standing filter and
  one rule at work, 20 items out with reasons
- cached: one question with one item, over and over
- edge_answer_us: the edge's computed answer without HTTP, in a loop inside workerd, from the parsed request to the text
- cold start: from process start to the first personalised answer of the same model, restored from the snapshot and
  booted without one; and from the snapshot with a model of 4,000 items, as many as the demo shop has
"""

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from bench.catalogue import RULES, catalogue, item_id
from bench.load import Load, on_server_core, press
from bench.workerd import serving, workerd
from origin.commands.build_edge import PACKAGES, ROOT, build
from origin.embedded_redis import EmbeddedRedis
from origin.registry import Registry
from tests.processes import Process, free_port, running

ITEMS, NEIGHBOURS = 100_000, 20
ROUNDS, SECONDS, WARM_UP_SECONDS, STARTS = 9, 2, 8, 7
BENCH = ROOT / "bench"

Server = tuple[str, int]
"""Where it answers, and its process."""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        scratch = Path(folder)
        model, rules = scratch / "bench.doorstep", scratch / "rules.json"
        model.write_bytes(catalogue(ITEMS, neighbours=NEIGHBOURS))
        rules.write_text(RULES)
        build(scratch / "edge", model=model, rules=rules)
        edge = stack.enter_context(edge_server(scratch))
        origin = stack.enter_context(origin_server(scratch, model))
        loads = {
            "edge_floor": (stack.enter_context(edge_floor(scratch)), targets(scratch, "floor", ["/"])),
            "edge_computed": (edge, computed(scratch)),
            "edge_cached": (edge, cached(scratch)),
            "origin_floor": (stack.enter_context(origin_floor(scratch)), targets(scratch, "constant", ["/constant"])),
            "origin_computed": (origin, computed(scratch)),
            "origin_cached": (origin, cached(scratch)),
        }
        check(edge, origin)
        report: dict[str, Any] = {name: row._asdict() for name, row in measure(loads).items()}
        report["edge_answer_us"] = answer_us(scratch, model, rules)
    with tempfile.TemporaryDirectory() as folder:
        report["cold_start_s"] = cold_starts(Path(folder))
    show(report)
    out = BENCH / "out" / "edge.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(report, indent=1) + "\n")


def measure(loads: dict[str, tuple[Server, Path]]) -> dict[str, Load]:
    for name, ((url, pid), asked) in loads.items():
        print(f"warming up {name}", file=sys.stderr)
        press(url, asked, pid, WARM_UP_SECONDS)
    rounds: dict[str, list[Load]] = {name: [] for name in loads}
    for n in range(ROUNDS):
        print(f"round {n + 1} of {ROUNDS}", file=sys.stderr)
        for name, ((url, pid), asked) in loads.items():
            rounds[name].append(press(url, asked, pid, SECONDS))
    return {name: sorted(seen)[len(seen) // 2] for name, seen in rounds.items()}


def check(edge: Server, origin: Server) -> None:
    """The loads measure what they say: layers, and the same items on both sides."""
    asked = "/v1/recommend?n=20&items=" + ",".join(map(item_id, range(10))) + "&filter=price%3C40"
    there, here = (httpx.get(url + asked) for url, _ in (edge, origin))
    assert (there.headers["doorstep-layer"], here.headers["doorstep-layer"]) == ("edge", "origin")
    assert there.json()["items"] == here.json()["items"]
    assert len(here.json()["items"]) == 20
    assert all(item["because"] for item in here.json()["items"])


def computed(scratch: Path) -> Path:
    rng = random.Random(1)
    histories = ([item_id(rng.randrange(ITEMS)) for _ in range(10)] for _ in range(50_000))
    asked = (f"/v1/recommend?slot=home&n=20&items={','.join(h)}&filter=price%3C40" for h in histories)
    return targets(scratch, "computed", asked)


def cached(scratch: Path) -> Path:
    return targets(scratch, "cached", [f"/v1/recommend?slot=home&n=20&items={item_id(7)}"])


def targets(scratch: Path, name: str, lines: Any) -> Path:
    path = scratch / f"{name}.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


@contextlib.contextmanager
def edge_server(scratch: Path) -> Iterator[Server]:
    address = f"127.0.0.1:{free_port()}"
    command = [
        str(workerd()),
        "serve",
        "--binary",
        str(scratch / "edge" / "workerd.bin"),
        f"--socket-addr=http={address}",
    ]
    with running(on_server_core(command), log=scratch / "edge.log", ready=f"http://{address}/healthz") as process:
        yield f"http://{address}", process.pid


@contextlib.contextmanager
def edge_floor(scratch: Path) -> Iterator[Server]:
    address = f"127.0.0.1:{free_port()}"
    command = [str(workerd()), "serve", str(BENCH / "floor.capnp"), f"--socket-addr=http={address}"]
    with running(on_server_core(command), log=scratch / "floor.log", ready=f"http://{address}/") as process:
        yield f"http://{address}", process.pid


@contextlib.contextmanager
def origin_server(scratch: Path, model: Path) -> Iterator[Server]:
    port = free_port()
    env = {"DOORSTEP_HOME": str(scratch / "home"), "DOORSTEP_ORIGIN_PORT": str(port)}
    registry = Registry(scratch / "home" / "registry")
    registry.publish(model.read_bytes(), RULES)
    command = on_server_core([sys.executable, "-m", "origin.server"])
    url = f"http://127.0.0.1:{port}"
    redis = EmbeddedRedis(scratch / "redis", os.environ)
    redis.start()
    env["DOORSTEP_REDIS_URL"] = redis.url
    try:
        with running(command, env=env, log=scratch / "origin.log", ready=f"{url}/readyz") as process:
            yield url, process.pid
    finally:
        redis.stop()


@contextlib.contextmanager
def origin_floor(scratch: Path) -> Iterator[Server]:
    port = free_port()
    command = on_server_core([sys.executable, "-m", "bench.floor_app", str(port)])
    url = f"http://127.0.0.1:{port}"
    with running(command, log=scratch / "floor_app.log", ready=f"{url}/constant") as process:
        yield url, process.pid


def answer_us(scratch: Path, model: Path, rules: Path) -> float:
    """Microseconds per computed answer inside workerd, without HTTP."""
    asked = "\n".join((scratch / "computed.txt").read_text().splitlines()[:5000])
    entry = BENCH / "answer_worker.mjs"
    with serving(scratch / "answer", ready="/healthz", entry=entry, model=model, rules=rules) as url:
        found: float = httpx.post(url, content=asked, timeout=120).raise_for_status().json()
        return found


def cold_starts(scratch: Path) -> dict[str, float]:
    """Median seconds of some starts, with the page cache warm."""
    model, rules = scratch / "bench.doorstep", scratch / "rules.json"
    model.write_bytes(catalogue(ITEMS, neighbours=NEIGHBOURS))
    rules.write_text(RULES)
    build(scratch / "snapshot", model=model, rules=rules)
    shutil.copytree(scratch / "snapshot", scratch / "plain")
    without_snapshot(scratch / "plain")
    model.write_bytes(catalogue(4_000, neighbours=NEIGHBOURS))
    build(scratch / "snapshot_4k", model=model, rules=rules)
    return {
        way: median(sorted(cold_start(scratch / way, scratch / f"{way}-{n}.log") for n in range(STARTS)))
        for way in ("snapshot", "plain", "snapshot_4k")
    }


def without_snapshot(bundle: Path) -> None:
    """Turn a bundle into one that boots Python from its archive and imports everything at start."""
    worker = bundle / "worker"
    shutil.copy(BENCH / "plain_boot.mjs", worker / "boot.mjs")
    shutil.copy(ROOT / "wrangler" / "node_modules" / "pyodide" / "python_stdlib.zip", worker / "stdlib.bin")
    with zipfile.ZipFile(worker / "sources.bin", "w", zipfile.ZIP_DEFLATED) as archive:
        for package in (ROOT / "shared", ROOT / "edge", *(Path(__import__(p).__file__ or "").parent for p in PACKAGES)):
            for source in package.rglob("*.py"):
                archive.write(source, source.relative_to(package.parent))
    config = bundle / "workerd.capnp"
    added = "".join(f'    (name = "{name}", data = embed "worker/{name}"),\n' for name in ("stdlib.bin", "sources.bin"))
    config.write_text(config.read_text().replace("  modules = [\n", "  modules = [\n", 1).replace(
        '    (name = "boot.mjs"', added + '    (name = "boot.mjs"', 1))  # fmt: skip
    with (bundle / "workerd.bin").open("wb") as binary:
        subprocess.run([str(workerd()), "compile", "--config-only", str(config)], stdout=binary, check=True)


def cold_start(bundle: Path, log: Path) -> float:
    """Seconds from process start to the first personalised answer."""
    address = f"127.0.0.1:{free_port()}"
    asked = f"http://{address}/v1/recommend?n=5&items={item_id(1)},{item_id(2)}"
    command = [str(workerd()), "serve", "--binary", str(bundle / "workerd.bin"), f"--socket-addr=http={address}"]
    with httpx.Client(timeout=20) as client:
        start = time.perf_counter()
        process = Process(command, log=log)
        try:
            while time.perf_counter() - start < 20:
                with contextlib.suppress(httpx.ConnectError):
                    answer = client.get(asked)
                    assert answer.headers["doorstep-layer"] == "edge", answer.headers
                    return time.perf_counter() - start
                time.sleep(0.002)
            raise RuntimeError(f"no answer within 20 s:\n{process.output()}")
        finally:
            process.kill()


def show(report: dict[str, Any]) -> None:
    print(f"{'':16} {'req/s':>8} {'p50 ms':>8} {'p90 ms':>8} {'p99 ms':>8} {'cpu us':>8}  of its floor")
    for name, row in report.items():
        if not isinstance(row, dict) or "rps" not in row:
            continue
        share = row["rps"] / report[f"{name.partition('_')[0]}_floor"]["rps"]
        figures = " ".join(f"{row[f]:8.2f}" for f in ("p50_ms", "p90_ms", "p99_ms"))
        print(f"{name:16} {row['rps']:8,.0f} {figures} {row['cpu_us']:8.0f}  {share:.2f}")
    print(f"an answer at the edge, without HTTP: {report['edge_answer_us']:.0f} us")
    cold = report["cold_start_s"]
    print(f"cold start       {cold['snapshot']:.3f} s from the snapshot, {cold['plain']:.3f} s without it")
    print(f"                 {cold['snapshot_4k']:.3f} s from the snapshot with 4,000 items")


if __name__ == "__main__":
    main()
