"""The SIMD kernel's full scan against numpy, plain JavaScript and a copy of the same bytes, in one run.

``python -m bench.kernel`` (``make bench-kernel``) prints a table and writes bench/out/kernel.json. Top 20 of 10k, 100k
and 1M items at 64 dims; medians of milliseconds.

- wasm: the kernel inside workerd, called as Python calls it, bias and allow-bitmap included, no item listed beforehand
- numpy: float32 matrix @ vector on one thread, then argpartition and a sort of the 20
- js: a loop over a Float32Array inside workerd
- memcpy: copying the bytes of the int8 vectors inside workerd
"""

import json
import platform
import statistics
import tempfile
import time
from array import array
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from threadpoolctl import threadpool_limits

from bench.workerd import serving
from origin.commands.build_edge import ROOT
from shared.model import table, write
from tests.models import BLEND

DIMS, TOP, HISTORY = 64, 20, 10
SIZES = (10_000, 100_000, 1_000_000)


def main() -> None:
    worker = ROOT / "bench" / "kernel_worker.mjs"
    with (
        tempfile.TemporaryDirectory() as scratch,
        serving(Path(scratch), ready="/healthz", entry=worker) as url,
        httpx.Client(base_url=url, timeout=300) as client,
    ):
        rows = [measure(client, items) for items in SIZES]
    report = {"machine": platform.processor() or platform.machine(), "rows": rows}
    out = ROOT / "bench" / "out" / "kernel.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(report, indent=1) + "\n")
    print(
        f"{'items':>9} {'wasm':>8} {'numpy f32':>10} {'js f32':>8} {'memcpy':>8}   ms; numpy/wasm js/wasm wasm/memcpy"
    )
    for row in rows:
        wasm, numpy_f32, js, memcpy = (row[f"{way}_ms"] for way in ("wasm", "numpy_f32", "js_f32", "memcpy"))
        print(f"{row['items']:9,} {wasm:8.3f} {numpy_f32:10.3f} {js:8.2f} {memcpy:8.3f}", end="   ")
        print(f"{numpy_f32 / wasm:.1f}x {js / wasm:.1f}x {wasm / memcpy:.2f}x")


def measure(worker: httpx.Client, items: int) -> dict[str, Any]:
    """One row of the table."""
    name = worker.put("/model", content=bare_model(items)).text
    clicks = list(range(0, items, items // HISTORY))[:HISTORY]
    query = [clicks, [0] * HISTORY, [[0, 0]] * HISTORY, [255 - 20 * t for t in range(HISTORY)]]
    everything: list[Any] = [["price", [[0, 2**31 - 1]], True]]
    case = {"query": query, "terms": everything, "k": TOP}
    found = worker.post("/kernel", json={"model": name, "cases": [case]}).json()[0]["top"]
    assert len(found) == TOP
    return {
        "items": items,
        "dims": DIMS,
        "wasm_ms": worker.get("/wasm").json(),
        "numpy_f32_ms": numpy_ms(items),
        "js_f32_ms": worker.post("/js", json={"items": items, "dims": DIMS, "k": TOP}).json(),
        "memcpy_ms": worker.post("/memcpy", json={"bytes": items * DIMS}).json(),
    }


def bare_model(items: int) -> bytes:
    """A model of vectors, biases and a price: no lists, so that a query for 20 must scan."""
    rng = np.random.default_rng(items)
    ids = [b"%d" % i for i in range(items)]
    cards = [b'"id":"%d"' % i for i in range(items)]
    nothing = array("I", bytes(4 * (items + 1)))
    sections: dict[str, tuple[str, Any]] = {
        "ids.text": ("u8", b"".join(ids)),
        "ids.ends": ("u32", np.cumsum([0, *map(len, ids)], dtype=np.uint32)),
        "ids.table": ("u32", table(ids)),
        "cards.text": ("u8", b"".join(cards)),
        "cards.ends": ("u32", np.cumsum([0, *map(len, cards)], dtype=np.uint32)),
        "embeddings": ("i8", rng.integers(-127, 128, items * DIMS, dtype=np.int8)),
        "lists.ends": ("u32", nothing),
        "lists.low": ("u16", b""),
        "lists.high": ("u8", b""),
        "lists.weights": ("u8", b""),
        "lists.scales": ("u16", np.zeros(items, np.uint16)),
        "bias": ("u8", rng.integers(0, 256, items, dtype=np.uint8)),
        "column.price": ("i32", rng.integers(1, 5000, items, dtype=np.int32)),
    }
    columns = {"price": {"kind": "number", "scale": 100}}
    return write(version="bench", items=items, dims=DIMS, blend=BLEND, columns=columns, about={}, sections=sections)


def numpy_ms(items: int) -> float:
    """Median milliseconds of the same search as numpy does it best: float32, BLAS on one thread, argpartition."""
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((items, DIMS), dtype=np.float32)
    query = rng.standard_normal(DIMS, dtype=np.float32)
    times = []
    with threadpool_limits(1):
        for _ in range(21):
            start = time.perf_counter()
            scores = rows @ query
            best = np.argpartition(scores, -TOP)[-TOP:]
            best[np.argsort(-scores[best])]
            times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


if __name__ == "__main__":
    main()
