"""What a call of the numpy kernel costs: ``python -m bench.numpy_kernel MODEL`` prints the best of 15 runs."""

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

from origin.numpy_kernel import NumpyKernel
from shared.filters import parse_filter, resolve
from shared.kernels import Query
from shared.model import open_model
from shared.scoring import Scoring


def main(path: str) -> None:
    model = open_model(Path(path).read_bytes())
    kernel, rng = NumpyKernel(model), random.Random(1)
    asked = [Scoring(model).query(rng.sample(range(model.items), 10)) for _ in range(500)]
    some = kernel.select(resolve(model, parse_filter("price<=10")))
    nobody = Scoring(model).query([])
    print(f"{model.items:,} items, {len(model.sections['lists.low']) / model.items:.0f} neighbours each; us per call")
    for what, call, calls in (
        ("10 items, lists suffice, top 60", lambda q: kernel.top(q, None, 60), 500),
        ("10 items, lists suffice, top 60, filter", lambda q: kernel.top(q, some, 60), 500),
        ("10 items, scan, top 1024", lambda q: kernel.top(q, None, 1024), 20),
        ("no history, top 60", lambda _: kernel.top(nobody, None, 60), 20),
    ):
        print(f"{what:42} {_best_us(call, asked[:calls]):8.1f}")


def _best_us(call: Callable[[Query], object], queries: list[Query]) -> float:
    times = []
    for _ in range(15):
        start = time.perf_counter()
        for q in queries:
            call(q)
        times.append((time.perf_counter() - start) / len(queries) * 1e6)
    return min(times)


if __name__ == "__main__":
    main(sys.argv[1])
