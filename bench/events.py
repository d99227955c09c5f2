"""From a click to a new answer, measured: ``python -m bench.events`` (``make bench-events``).

Writes bench/out/events.json. Everything runs on this machine at once, the load included.

- accepted events/s, at the edge and straight at the origin: batches of 20, one visitor a batch, until the log has them
- folded events/s: the clickstream, four times over with new visitors, lies in the log; a processor folds it. Per core:
  events per second of the processor's own processor time. Beside it the floor: reading and decoding alone.
- click to own next answer: POST /v1/events, then GET /v1/recommend with the cookies it set, both at the edge
- click to pushed list: POST at the edge until the list arrives on a page that is open at the edge (/v1/live)
- bytes: of a profile's blob, and of Redis per visitor
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx

from bench.catalogue import catalogue, item_id
from bench.clickstream import Click, browsing, clickstream
from bench.load import cpu_s, press
from origin.eventlog.base import Position
from origin.eventlog.choose import open_consumer, open_log
from origin.eventlog.encoding import decode
from origin.profiles.keys import profile_key, seal
from origin.settings import Settings
from shared.blend import HISTORY
from shared.events import Event
from shared.profile import EMPTY, Profile, fold, to_blob
from shared.visitor import VISITOR_COOKIE, sign
from tests.stack import API_KEY, SECRET, Stack

BENCH = Path(__file__).parent
SECONDS = 10
COPIES = 4
CLICKS = 300
MODEL = catalogue(20_000, neighbours=20)


def main() -> None:
    report: dict[str, Any] = {}
    for name, kafka in (("redis_streams", False), ("kafka", True)):
        print(f"events with {name}", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            report[name] = with_log(Path(folder), kafka=kafka)
    report["bytes"] = sizes()
    out = BENCH / "out" / "events.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


def with_log(folder: Path, *, kafka: bool) -> dict[str, Any]:
    stack = Stack(folder, model=MODEL, kafka=kafka, DOORSTEP_EVENTS_PER_MINUTE="1000000000", DOORSTEP_PUSH_MIN_MS="0")
    with stack.running():
        found: dict[str, Any] = asyncio.run(latencies(stack))
        cookies, keys = folder / "cookies", folder / "keys"
        cookies.write_text("".join(f"cookie: {VISITOR_COOKIE}={sign(SECRET, f'b{n}')}\n" for n in range(5000)))
        keys.write_text("".join(f"authorization: Bearer {API_KEY}\tb{n}\n" for n in range(5000)))
        stack.processors[0].stop()  # what is accepted is measured without what follows
        for name, url, heads, part in (
            ("edge", stack.edge_url, cookies, stack.edge), ("origin", stack.origin_url, keys, stack.origin)
        ):  # fmt: skip
            load = press(url, heads, part.pid, SECONDS, BENCH / "events.lua")
            print(f"{name}: {load}", file=sys.stderr)
            found[f"accepted_per_s_{name}"] = round(load.rps * 20)
            found[f"accepted_p99_ms_{name}"] = round(load.p99_ms, 1)
            found[f"cpu_us_per_event_{name}"] = round(load.cpu_us / 20, 1)
    with tempfile.TemporaryDirectory() as fresh:
        return found | folding(Path(fresh), kafka=kafka)


async def latencies(stack: Stack) -> dict[str, float]:
    own, pushed = [], []
    async with httpx.AsyncClient(base_url=stack.edge_url, timeout=20) as client:
        for n in range(CLICKS):
            head = {"cookie": f"{VISITOR_COOKIE}={sign(SECRET, f'v{n}')}"}
            start = time.perf_counter()
            posted = await client.post("/v1/events", json=click(n), headers=head)
            assert posted.status_code == httpx.codes.ACCEPTED, posted.text
            answer = await client.get("/v1/recommend?n=12")  # the client's jar has the history that was just set
            own.append((time.perf_counter() - start) * 1000)
            assert answer.headers["doorstep-layer"] in ("edge", "isolate")
            client.cookies.clear()
        for n in range(20):
            pushed += await pushes(client, f"p{n}", CLICKS // 20)
    return {**tail("own_answer", own), **tail("pushed", pushed)}


async def pushes(client: httpx.AsyncClient, visitor: str, count: int) -> list[float]:
    """Milliseconds from each of ``count`` clicks to the list that follows from it."""
    head = {"cookie": f"{VISITOR_COOKIE}={sign(SECRET, visitor)}"}
    took = []
    async with client.stream("GET", "/v1/live?slot=home&n=12", headers=head) as page:
        lines = page.aiter_lines()
        await items(lines)  # the list as it is
        for n in range(count):
            start = time.perf_counter()
            posted = await client.post("/v1/events", json=click(int(visitor[1:]) * 100 + n), headers=head)
            assert posted.status_code == httpx.codes.ACCEPTED, posted.text
            await asyncio.wait_for(items(lines), 20)
            took.append((time.perf_counter() - start) * 1000)
            client.cookies.clear()
    return took


async def items(lines: Any) -> None:
    async for line in lines:
        if line.startswith("data:"):
            return
    raise RuntimeError("the stream has ended")


def click(n: int) -> dict[str, Any]:
    return {"events": [{"id": f"{time.time_ns()}", "type": "view", "item": item_id(n)}], "consent": "full"}


def folding(folder: Path, *, kafka: bool) -> dict[str, float]:
    """Events folded per second, wall and processor time, and what reading and decoding alone would make."""
    stack = Stack(folder, model=MODEL, kafka=kafka)
    processor = stack.processors[0]
    with stack.running(edge=False):
        processor.stop()
        settings = Settings.from_environ(stack.env)
        events = fill(settings)
        floor = read_alone(settings, events)
        processor.start()
        first = last = folded = 0
        spent_s = 0.0
        start = time.perf_counter()
        with stack.store() as store:
            while folded < events and time.perf_counter() - start < 300:
                time.sleep(0.25)
                status = [json.loads(store.get(k) or "{}") for k in store.scan_iter("doorstep:processor:*")]
                folded = sum(s.get("folded", 0) for s in status)
                if folded and not first:
                    first, since, spent_s = folded, time.perf_counter(), cpu_s(processor.pid)
                last = folded
                if not processor.running:
                    raise RuntimeError(f"the processor has ended:\n{processor.last_words()}")
            wall_s = time.perf_counter() - since
            spent_s = cpu_s(processor.pid) - spent_s
    return {
        "folded_events": last,
        "folded_per_s": round((last - first) / wall_s),
        "folded_per_core_s": round((last - first) / spent_s),
        "read_and_decoded_per_core_s": round(floor),
    }


def fill(settings: Settings) -> int:
    """Put the clickstream into the log, ``COPIES`` times with other visitors; how many events that were."""

    async def append() -> int:
        log = open_log(settings)
        await log.open()
        total = 0
        for copy in range(COPIES):
            clicks = clickstream(120_000)[1]
            while some := list(islice(clicks, 1000)):
                await log.append([event(click, copy, total + n) for n, click in enumerate(some)])
                total += len(some)
        await log.close()
        return total

    return asyncio.run(append())


def event(click: Click, copy: int, n: int) -> Event:
    details: dict[str, Any] = {"category": click.category}
    if click.type == "custom":
        details["name"] = "favourite"
    return Event(f"e{n}", f"{copy}-{click.visitor}", click.type, click.at_s * 1000, click.item, details)


def read_alone(settings: Settings, events: int) -> float:
    """Events per second of processor time that a consumer reads and decodes, without folding; in its own process."""
    environ = {f"DOORSTEP_{k.upper()}": str(getattr(settings, k)) for k in ("home", "redis_url", "kafka_bootstrap")}
    done = subprocess.run(
        [sys.executable, "-m", "bench.events", "read", str(events)], env={**os.environ, **environ},
        capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    return float(done.stdout)


def read(events: int) -> None:
    consumer = open_consumer(Settings.from_environ(os.environ), "floor")
    seen, first, spent_s = 0, 0, 0.0
    while seen < events:
        records = consumer.poll(2000, 1)
        for record in records:
            decode(record.value)
        seen += len(records)
        if seen and not first:
            first, spent_s = seen, time.process_time()
    print((seen - first) / (time.process_time() - spent_s))
    consumer.close()


def sizes() -> dict[str, Any]:
    """Bytes of blobs, by real visitors; bytes of Redis per visitor, by 100,000 of them."""
    crowd, active = folded(clickstream(200_000)), folded(browsing())
    active["profiles"] = [p for p in active["profiles"] if len(p.items) == HISTORY]
    blobs = sorted(len(to_blob(p)) for p in active["profiles"])
    return {
        "crowd": crowd["data"],
        "crowd_visitors": len(crowd["profiles"]),
        "crowd_blob_mean": round(sum(len(to_blob(p)) for p in crowd["profiles"]) / len(crowd["profiles"]), 1),
        "crowd_redis_bytes_per_visitor": redis_bytes(crowd["profiles"], 100_000) / 100_000,
        "active": f"{active['data']}, visitors with {HISTORY} recent items",
        "active_visitors": len(blobs),
        **{f"active_blob_{name}": value for name, value in spread(blobs).items()},
        "active_redis_bytes_per_visitor": redis_bytes(active["profiles"], 100_000) / 100_000,
    }


def folded(stream: tuple[str, Iterable[Click]]) -> dict[str, Any]:
    profiles: dict[str, Profile] = {}
    for n, c in enumerate(stream[1]):
        profiles[c.visitor] = fold(profiles.get(c.visitor, EMPTY), event(c, 0, n))
    return {"data": stream[0], "profiles": list(profiles.values())}


def redis_bytes(profiles: Sequence[Profile], visitors: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), model=MODEL, kafka=False)
        stack.redis.start()
        try:
            with stack.store() as store:
                before = store.info("memory")["used_memory"]
                pipe = store.pipeline(transaction=False)
                for n in range(visitors):
                    blob = seal(profiles[n % len(profiles)], Position(1, n))
                    pipe.set(profile_key(f"v{n}"), blob, px=90 * 24 * 3600_000)
                    if n % 1000 == 999:
                        pipe.execute()
                pipe.execute()
                used: int = store.info("memory")["used_memory"] - before
                return used
        finally:
            stack.redis.stop()


def spread(values: Sequence[float]) -> dict[str, float]:
    cuts = quantiles(values, n=100)
    return {"p50": cuts[49], "p95": cuts[94], "max": max(values)}


def tail(name: str, took_ms: Sequence[float]) -> dict[str, float]:
    cuts = quantiles(took_ms, n=100)
    return {f"{name}_p50_ms": round(cuts[49], 2), f"{name}_p99_ms": round(cuts[98], 2)}


if __name__ == "__main__":
    read(int(sys.argv[2])) if sys.argv[1:2] == ["read"] else main()
