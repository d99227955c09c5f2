"""Answers kernel questions posed as JSON, so that tests can compare kernels where these run: natively, or in workerd.

Only the test worker (tests/edge/worker.mjs) and the benchmark's reach it; no request of the real worker does.
"""

import json
from typing import Any

from edge.simd import Host, SimdKernel
from shared.kernels import Kernel, Query, Term
from shared.model import open_model


class SelfTest:
    """Holds kernels by model name, and remembers the last call into the host's ``top`` for a benchmark to repeat."""

    def __init__(self, host: Host) -> None:
        self._host = _Recorder(host)
        self._kernels: dict[str, SimdKernel] = {}

    def allocate(self, size: int) -> bytearray:
        """As :meth:`edge.worker.Worker.allocate`."""
        return bytearray(size + 64)

    def adopt(self, block: bytearray, offset: int, size: int, address: int, verify: bool) -> str:
        """As :meth:`edge.worker.Worker.adopt`."""
        model = open_model(memoryview(block)[offset : offset + size], verify=verify)
        self._kernels[model.name] = SimdKernel(model, address, self._host)
        return model.name

    def answer(self, text: str) -> str:
        """``{"model": name, "cases": [case, ...]}`` -> JSON list of what :func:`solve` gives for each."""
        asked = json.loads(text)
        kernel = self._kernels[asked["model"]]
        return json.dumps([solve(kernel, case) for case in asked["cases"]])

    def last_call(self) -> str:
        """Desk, allowed and k of the last call, as JSON."""
        return json.dumps(self._host.last)


class _Recorder:
    """A host that remembers the arguments of ``top``."""

    def __init__(self, host: Host) -> None:
        self.address, self.select, self._top = host.address, host.select, host.top
        self.find, self.show = host.find, host.show
        self.last: tuple[int, ...] = ()

    def top(self, desk: int, allowed: int, k: int) -> int:
        self.last = (desk, allowed, k)
        return self._top(desk, allowed, k)


def solve(kernel: Kernel, case: dict[str, Any]) -> dict[str, Any]:
    """One case: ``{"query": [items, weights, revisits, recall], "terms": null or [[column, ranges, inside]], "k": k}``.

    Gives ``{"top": [[item, score, cause], ...], "shown": that as JSON text, "found": the indices of its ids and of
    two ids that nobody has, "selected": the bitmap in hex, empty without terms}``.
    """
    items, weights, revisits, recall = case["query"]
    query = Query(items, weights, [(mul, add) for mul, add in revisits], recall)
    allowed, selected = None, ""
    if case["terms"] is not None:
        terms = [Term(column, tuple((lo, hi) for lo, hi in ranges), within) for column, ranges, within in case["terms"]]
        allowed = kernel.select(terms)
        selected = bytes(getattr(allowed, "bitmap", allowed))[: -(-kernel.model.items // 8)].hex()
    best = list(kernel.top(query, allowed, case["k"]))
    found = kernel.find([*(kernel.model.id(item) for item, _, _ in best), "nobody", ""])
    shown = kernel.show(query, best)
    return {"top": [list(c) for c in best], "shown": shown, "found": list(found), "selected": selected}
