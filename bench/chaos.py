"""Everything is killed, again and again, while a clickstream runs: ``python -m bench.chaos`` (``make chaos``).

edge -> origin -> Kafka -> processors -> Redis (append-only, fsync every second). At random, several times each,
``kill -9`` hits a processor, the origin, the edge, Redis and the broker; the broker is hung for some seconds; poison
floods the log until the processors stop. Each sender repeats its batch until it is acknowledged.

At the end every profile is compared with an independent count of what was acknowledged: nothing may be lost, nothing
doubled. Exits with 1 otherwise. Writes bench/out/chaos.json.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
from confluent_kafka import Producer

from bench.catalogue import catalogue
from bench.clickstream import Click, clickstream
from origin.profiles.keys import profile_key, unseal
from shared.events import KINDS
from shared.visitor import VISITOR_COOKIE, sign
from tests.stack import SECRET, Part, Stack

FLOOD = 300
"""Dead letters within a minute that stop a processor in this run; twice as many are sent."""
SENDERS, WINDOW = 48, 2000
SETTLE_S = 300
MORE: dict[str, dict[str, Any]] = {"custom": {"name": "favourite"}, "purchase": {"value": 10, "quantity": 1}}
OUT = Path(__file__).with_name("out") / "chaos.json"

Batch = tuple[str, list[dict[str, Any]]]


def main() -> int:
    args = _arguments()
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(
            Path(folder),
            model=catalogue(20_000, neighbours=20),
            kafka=True,
            processors=2,
            DOORSTEP_DEAD_LETTER_FLOOD=str(FLOOD),
        )
        with stack.running():
            run = Chaos(stack, rng, args.events, args.seconds, args.times)
            report = asyncio.run(run.all())
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))
    fine = not report["lost"] and not report["doubled"] and not report["unacknowledged"] and not report["answers_5xx"]
    print("nothing lost, nothing doubled" if fine else "FAILED")
    return 0 if fine else 1


class Chaos:
    """One run against ``stack``."""

    def __init__(self, stack: Stack, rng: random.Random, events: int, seconds: float, times: int) -> None:
        self.stack = stack
        self.rng = rng
        self.seconds = seconds
        self.times = times
        self.data, self.clicks = clickstream(events)
        self.sent = 0
        self.expected: dict[str, Counter[str]] = defaultdict(Counter)
        self.unacknowledged = 0
        self.event_replies: Counter[str] = Counter()
        self.answer_replies: Counter[str] = Counter()
        self.layers: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.exits: Counter[str] = Counter()
        self.over = asyncio.Event()

    async def all(self) -> dict[str, Any]:
        started = time.monotonic()
        watching = asyncio.create_task(self.watch())
        asking = [asyncio.create_task(self.ask()) for _ in range(4)]
        breaking = asyncio.create_task(self.break_things())
        await self.send_all(started + self.seconds)
        await breaking
        self.over.set()
        await asyncio.gather(*asking)
        sent_s = time.monotonic() - started
        folded, lost, doubled = await self.settle()
        watching.cancel()
        return {
            "data": self.data,
            "seconds": round(sent_s, 1),
            "settled_after_s": round(time.monotonic() - started - sent_s, 1),
            "faults": dict(self.faults),
            "events_sent": self.sent,
            "acknowledged": sum(counts.total() for counts in self.expected.values()),
            "unacknowledged": self.unacknowledged,
            "visitors": len(self.expected),
            "folded": folded,
            "lost": lost,
            "doubled": doubled,
            "event_replies": dict(self.event_replies),
            "answer_replies": dict(self.answer_replies),
            "answer_layers": dict(self.layers),
            "answers_5xx": sum(count for status, count in self.answer_replies.items() if status.startswith("5")),
            "processor_exits": dict(self.exits),
            "dead_letters": self.stack.store().xlen("doorstep:dead"),
        }

    async def send_all(self, end: float) -> None:
        """Send windows of the stream, one batch per visitor and window, until it or the time is over."""
        async with httpx.AsyncClient(timeout=10, limits=httpx.Limits(max_connections=SENDERS)) as client:
            queue = self.batches(end)
            await asyncio.gather(*(self.sender(client, queue) for _ in range(SENDERS)))

    def batches(self, end: float) -> Iterator[Batch]:
        while window := list(islice(self.clicks, WINDOW)):
            of: dict[str, list[Click]] = defaultdict(list)
            for click in window:
                of[click.visitor].append(click)
            for visitor, clicks in of.items():
                if time.monotonic() > end:
                    return
                yield visitor, [self.event(click) for click in clicks[:50]]

    def event(self, click: Click) -> dict[str, Any]:
        self.sent += 1
        event = {"id": f"c{self.sent}", "type": click.type, "item": click.item, "category": click.category}
        return {**event, **MORE.get(click.type, {}), "time": int(time.time() * 1000)}

    async def sender(self, client: httpx.AsyncClient, queue: Iterator[Batch]) -> None:
        for visitor, events in queue:
            cookie = f"{VISITOR_COOKIE}={sign(SECRET, visitor)}"
            give_up = time.monotonic() + 120
            while not await self.post(client, cookie, events):
                if time.monotonic() > give_up:
                    self.unacknowledged += len(events)
                    break
                await asyncio.sleep(self.rng.uniform(0.05, 0.5))
            else:
                self.expected[visitor].update(event["type"] for event in events)

    async def post(self, client: httpx.AsyncClient, cookie: str, events: list[dict[str, Any]]) -> bool:
        url = self.stack.edge_url + "/v1/events"
        try:
            reply = await client.post(url, json={"events": events}, headers={"cookie": cookie})
        except httpx.HTTPError:
            self.event_replies["no connection"] += 1
            return False
        self.event_replies[str(reply.status_code)] += 1
        if reply.status_code != httpx.codes.ACCEPTED:
            return False
        outcome = reply.json()
        assert outcome["accepted"] + outcome["duplicates"] == len(events), outcome
        return True

    async def ask(self) -> None:
        """Ask for answers all the while, as visitors would."""
        async with httpx.AsyncClient(timeout=10) as client:
            while not self.over.is_set():
                visitor = str(self.rng.choice(list(self.expected) or ["1"]))
                cookie = f"{VISITOR_COOKIE}={sign(SECRET, visitor)}"
                try:
                    reply = await client.get(f"{self.stack.edge_url}/v1/recommend?n=6", headers={"cookie": cookie})
                except httpx.HTTPError:
                    self.answer_replies["no connection"] += 1
                else:
                    self.answer_replies[str(reply.status_code)] += 1
                    self.layers[reply.headers.get("doorstep-layer", "none")] += 1
                await asyncio.sleep(0.05)

    async def break_things(self) -> None:
        """Every fault ``times`` times, in random order, spread over the time."""
        kinds: dict[str, Callable[[], None]] = {
            "kill a processor": lambda: self.kill(self.rng.choice(self.stack.processors)),
            "kill the origin": lambda: self.kill(self.stack.origin),
            "kill the edge": lambda: self.kill(self.stack.edge),
            "kill Redis": lambda: self.kill(self.stack.redis),
            "kill the broker": self.kill_broker,
        }
        plan = [*kinds.items()] * self.times + [("hang the broker", self.hang_broker), ("flood of poison", self.poison)]
        self.rng.shuffle(plan)
        pause = 0.75 * self.seconds / len(plan)
        for name, act in plan:
            await asyncio.sleep(self.rng.uniform(0.5, 1.5) * pause)
            print(f"{name}", file=sys.stderr)
            self.faults[name] += 1
            await asyncio.to_thread(act)

    def kill(self, part: Part) -> None:
        part.kill()
        time.sleep(self.rng.uniform(0.05, 1.5))
        part.start()

    def kill_broker(self) -> None:
        assert self.stack.kafka
        self.stack.kafka.kill()
        time.sleep(self.rng.uniform(0.05, 1.5))
        self.stack.kafka.start()

    def hang_broker(self) -> None:
        assert self.stack.kafka
        assert self.stack.kafka.child
        pid = self.stack.kafka.child.pid
        assert pid
        os.kill(pid, signal.SIGSTOP)
        time.sleep(5)
        os.kill(pid, signal.SIGCONT)

    def poison(self) -> None:
        producer = Producer({"bootstrap.servers": self.stack.env["DOORSTEP_KAFKA_BOOTSTRAP"]})
        for n in range(2 * FLOOD):
            producer.produce("doorstep-events", key=b"poison", value=b"\xc1 no event %d" % n)
        producer.flush(30)

    async def watch(self) -> None:
        """Start processors again that have ended by themselves, as a supervisor does."""
        while True:
            await asyncio.sleep(1)
            for part in self.stack.processors:
                process = part.process
                if process and process.code is not None and process.code >= 0:
                    self.exits[f"exit {process.code}"] += 1
                    await asyncio.to_thread(part.start)

    async def settle(self) -> tuple[int, int, int]:
        """Wait until nothing is missing and the profiles stand still; a flood alone holds them up for minutes."""
        seen: tuple[int, int, int] = (-1, 0, 0)
        still = 0
        end = time.monotonic() + SETTLE_S
        while time.monotonic() < end and not (seen[1] == 0 and still >= 3):
            await asyncio.sleep(1)
            now = await asyncio.to_thread(self.compare)
            still = still + 1 if now == seen else 0
            seen = now
        return seen

    def compare(self) -> tuple[int, int, int]:
        """Events in the profiles; acknowledged ones that are not; ones that are there more often than acknowledged."""
        names = list(KINDS)
        folded = lost = doubled = 0
        visitors = list(self.expected)
        with self.stack.store() as store:
            for start in range(0, len(visitors), 2000):
                some = visitors[start : start + 2000]
                for visitor, blob in zip(some, store.mget([profile_key(v) for v in some]), strict=True):
                    counts = unseal(blob).profile.counts if blob else ()
                    has = Counter(dict(zip(names, counts, strict=False)))
                    folded += has.total()
                    lost += (self.expected[visitor] - has).total()
                    doubled += (has - self.expected[visitor]).total()
        return folded, lost, doubled


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=240, help="how long events are sent at most")
    parser.add_argument("--events", type=int, default=200_000, help="how many at most")
    parser.add_argument("--times", type=int, default=3, help="how often each part is killed")
    parser.add_argument("--seed", type=int, default=None, help="of what is random; without it every run differs")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
