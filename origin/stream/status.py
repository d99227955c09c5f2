"""What a processor tells of itself, as one JSON object."""

import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence

PROCESSORS = "doorstep:processors"
"""Sorted set: names of the processors, by the time until which they count as alive, epoch ms."""
BOUNDS_MS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 60_000)
"""Upper bounds of the latency buckets; one more bucket holds the rest."""


def status_key(name: str) -> str:
    """A string: the JSON object of processor ``name``; it expires soon."""
    return f"doorstep:processor:{name}"


class Status:
    """Counts since the start. All of them are read by others while the processor runs, through :meth:`as_json`."""

    def __init__(self, name: str, pid: int, started_ms: int) -> None:
        self.name = name
        self.pid = pid
        self.started_ms = started_ms
        self.folded = 0
        self.duplicates = 0
        self.dead_letters = 0
        self.pushes = 0
        self.batches = 0
        self.erasures = 0
        self.committed = 0
        """Records, not commits."""
        self.last_error: dict[str, object] | None = None
        self._latency = [0] * (len(BOUNDS_MS) + 1)
        self._latency_sum_ms = 0

    def wrote(self, received_ms: Sequence[int], now_ms: int) -> None:
        """Events that came in then are in their profiles now."""
        self.folded += len(received_ms)
        buckets = self._latency
        for received in received_ms:
            took = now_ms - received
            buckets[bisect_left(BOUNDS_MS, took)] += 1
            self._latency_sum_ms += took

    def failed(self, code: str, now_ms: int) -> None:
        self.last_error = {"code": code, "time_ms": now_ms}

    def as_json(self, lag: Mapping[int, int], now_ms: int) -> str:
        latency = {"bounds_ms": BOUNDS_MS, "counts": self._latency, "sum_ms": self._latency_sum_ms}
        counts = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        return json.dumps({**counts, "time_ms": now_ms, "lag": dict(lag), "latency": latency})
