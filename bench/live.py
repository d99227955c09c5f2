"""What an open page costs an origin: resident memory of one process with thousands of idle server-sent event streams.

    python -m bench.live [--pages 5000]

Starts a Redis, an origin and a processor; opens the pages, each of its own visitor; then pushes to all of them once,
by way of one event per visitor, and says how long the slowest heard after the log had acknowledged its event.
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from origin.registry import Registry
from tests.models import make_model, model_bytes
from tests.origin.pipeline import BEARER, Pipeline, cookie_of, pipeline

_AT_ONCE = 100


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=5000)
    arguments = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the processes started from here inherit it
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        Registry(folder / "home" / "registry").publish(model_bytes())
        running = stack.enter_context(pipeline(folder / "home", folder))
        print(json.dumps(asyncio.run(measure(running, arguments.pages)), indent=2))
    return 0


async def measure(running: Pipeline, count: int) -> dict[str, float]:
    """Memory in MB before and after, and seconds until each page heard of its visitor's event."""
    pid = running.origin.process.pid
    before_mb = resident_mb(pid)
    gate = asyncio.Semaphore(_AT_ONCE)
    pages = await asyncio.gather(*(open_page(running.origin.url, f"v{n}", gate) for n in range(count)))
    after_mb = resident_mb(pid)
    heard = [asyncio.create_task(next_list(reader)) for reader, _ in pages]
    sent = await asyncio.to_thread(send_one_each, running, count)
    times = [at - sent[n] for n, at in enumerate(await asyncio.gather(*heard))]
    pushed_mb = resident_mb(pid)
    for _, writer in pages:
        writer.close()
    times.sort()
    return {
        "pages": count,
        "before_mb": before_mb,
        "idle_mb": after_mb,
        "after_push_mb": pushed_mb,
        "kb_per_page": round((after_mb - before_mb) * 1024 / count, 1),
        "push_median_s": round(times[len(times) // 2], 3),
        "push_p99_s": round(times[len(times) * 99 // 100], 3),
        "push_slowest_s": round(times[-1], 3),
    }


async def open_page(
    url: str, visitor: str, gate: asyncio.Semaphore
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A page that has its first list."""
    address = urlsplit(url)
    async with gate:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        cookie = cookie_of(visitor)["cookie"]
        writer.write(f"GET /v1/live HTTP/1.1\r\nhost: {address.netloc}\r\ncookie: {cookie}\r\n\r\n".encode())
        await next_list(reader)
    return reader, writer


async def next_list(reader: asyncio.StreamReader) -> float:
    """When the next list came, by the clock."""
    while not (await reader.readuntil(b"\n")).startswith(b"data: "):
        pass
    return time.monotonic()


def send_one_each(running: Pipeline, count: int) -> list[float]:
    """One view of each visitor; when its batch was acknowledged."""
    item = make_model().id(3)
    sent: list[float] = []
    with httpx.Client(base_url=running.origin.url, headers=BEARER, timeout=30) as client:
        for start in range(0, count, 500):
            who = range(start, min(start + 500, count))
            events = [{"id": str(n), "visitor": f"v{n}", "type": "view", "item": item} for n in who]
            response = client.post("/v1/events", json={"events": events})
            if response.json()["accepted"] != len(events):
                raise RuntimeError(response.text)
            sent += [time.monotonic()] * len(events)
    return sent


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024, 1)
    raise RuntimeError("the process tells no VmRSS")


if __name__ == "__main__":
    sys.exit(main())
