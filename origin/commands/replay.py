"""``doorstep replay``: past interactions as live traffic, to see Doorstep at work or to try it under load."""

import argparse
import asyncio
import contextlib
import sys
import time
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from origin.replay import Outcome, Replay


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "replay",
        help="send past interactions as live traffic",
        description="Send the interactions in a file to a running edge (or origin) as their visitors' browsers would: "
        "each with cookies of its own, events first, then the question what to show. Times become now.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="CSV or Parquet with visitor, item, time, maybe type")
    parser.add_argument("--to", default="http://127.0.0.1:8787", metavar="URL", help="default: %(default)s")
    parser.add_argument("--speed", type=float, default=60, metavar="X",
                        help="60 (default): a minute of the file takes a second; 0: as fast as it goes")  # fmt: skip
    parser.add_argument("--most", type=int, metavar="N", help="stop after the first N rows")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from origin.cli import print_json
    from origin.replay import Replay, read_rows

    rows = read_rows(arguments.file, int(time.time() * 1000), arguments.most)
    replay = Replay(arguments.to, speed=arguments.speed)
    asyncio.run(_watched(replay, rows, quiet=arguments.json))
    summary = _summary(replay.outcome)
    if arguments.json:
        print_json(summary)
    else:
        for name, value in summary.items():
            print(f"{name:12} {value}")
    return 1 if replay.outcome.given_up else 0


async def _watched(replay: "Replay", rows: Any, *, quiet: bool) -> None:
    task = asyncio.create_task(replay.run(rows))
    while not task.done():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(task), 2)
        if not quiet:
            seen = replay.outcome
            sys.stderr.write(f"{seen.rows:,} of {len(rows):,} rows, {seen.accepted:,} accepted\n")
    await task


def _summary(seen: "Outcome") -> dict[str, Any]:
    return {
        "rows": seen.rows,
        "accepted": seen.accepted,
        "rejected": seen.rejected,
        "given_up": seen.given_up,
        "statuses": dict(seen.statuses),
        "layers": dict(seen.layers),
        "event_ms": _tail(seen.event_ms),
        "answer_ms": _tail(seen.answer_ms),
    }


def _tail(took_ms: list[float]) -> dict[str, float]:
    if len(took_ms) < 2:
        return {}
    cuts = quantiles(took_ms, n=100)
    return {"p50": round(cuts[49], 2), "p99": round(cuts[98], 2)}
