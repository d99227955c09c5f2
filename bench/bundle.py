"""What the edge costs to ship and to keep in memory: ``python -m bench.bundle`` (``make bundle``).

Prints the upload's size, raw and gzip, and one isolate's memory with the demo model and with 100,000 items (64 dims, 20
neighbours), and writes bench/out/bundle.json. Memory is counted as linear memory (pages of WebAssembly) + committed
JavaScript heap + backing stores of array buffers, after 300 questions and a collection; V8's inspector tells.
"""

import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from bench.catalogue import catalogue, item_id
from bench.workerd import serving
from origin.commands.build_edge import ROOT, build
from origin.node import command
from origin.registry import Registry
from tests.processes import free_port

AIM_MB = 96


def main() -> None:
    report: dict[str, Any] = {"aim_mb": AIM_MB, "rows": []}
    with tempfile.TemporaryDirectory() as scratch:
        large = Path(scratch) / "catalogue.bin"
        large.write_bytes(catalogue(100_000, neighbours=20))
        report["upload"] = upload(Path(scratch))
        for name, model in (("the demo model", demo_model(Path(scratch))), ("100k items", large)):
            report["rows"].append({"model": name, **memory(Path(scratch), model)})
    out = ROOT / "bench" / "out" / "bundle.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(report, indent=1) + "\n")
    size = report["upload"]
    print(f"upload without a model: {size['raw_mb']} MB, gzip {size['gzip_mb']} MB, {size['modules']} modules")
    for row in report["rows"]:
        parts = ", ".join(f"{part} {row[f'{part}_mb']}" for part in ("linear", "heap", "buffers"))
        print(f"memory with {row['model']} ({row['model_mb']} MB): {row['total_mb']} MB ({parts}); aim under {AIM_MB}")


def demo_model(scratch: Path) -> Path:
    """The model that ``make demo`` published, or, before its first run, the same trained anew."""
    registry = Registry(ROOT / ".doorstep" / "registry")
    if models := registry.current().models:
        return registry.model_file(models[0])
    out = scratch / "demo.doorstep"
    subprocess.run([sys.executable, "-m", "origin.cli", "train", "--out", str(out)], cwd=ROOT, check=True)
    return out


def upload(scratch: Path) -> dict[str, Any]:
    """Sizes of the modules that wrangler uploads, without a model."""
    build(scratch / "bare")
    modules = [path.read_bytes() for path in (scratch / "bare" / "worker").iterdir()]
    packed = sum(len(gzip.compress(module, 6)) for module in modules)
    return {"modules": len(modules), "raw_mb": _mb(sum(map(len, modules))), "gzip_mb": _mb(packed)}


def memory(scratch: Path, model: Path) -> dict[str, Any]:
    """One isolate's memory with ``model``, in MB (10**6 bytes)."""
    inspector = f"127.0.0.1:{free_port()}"
    entry = ROOT / "bench" / "memory_worker.mjs"
    with serving(scratch, f"--inspector-addr={inspector}", entry=entry, model=model, v8_flags=["--expose-gc"]) as url:
        with httpx.Client(base_url=url) as client:
            for n in range(300):
                items = ",".join(item_id((n * 7919 + t * 104_729) % 100_000) for t in range(10))
                client.get(f"/v1/recommend?n=20&items={items}").raise_for_status()
            linear = client.get("/linear").json()
        heap = heap_usage(inspector)
    numbers = (linear, heap["totalSize"], heap["backingStorageSize"])
    parts = dict(zip(("linear_mb", "heap_mb", "buffers_mb"), map(_mb, numbers), strict=True))
    return {"model_mb": _mb(model.stat().st_size), **parts, "total_mb": _mb(sum(numbers))}


def heap_usage(inspector: str) -> dict[str, int]:
    """V8's Runtime.getHeapUsage of the worker whose inspector listens at ``inspector``."""
    script = str(ROOT / "bench" / "inspector.mjs")
    done = subprocess.run(
        [*command("node", os.environ), script, inspector], capture_output=True, check=True, timeout=60
    )
    usage: dict[str, int] = json.loads(done.stdout)
    return usage


def _mb(size: float) -> float:
    return round(size / 1e6, 1)


if __name__ == "__main__":
    started = time.monotonic()
    main()
    print(f"took {time.monotonic() - started:.0f} s")
