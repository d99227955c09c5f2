"""``doorstep import``: past events from files into the event log."""

import argparse
import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from origin.commands._event_files import Columns
    from origin.eventlog.base import EventLog
    from shared.events import Event

_BATCH = 500
_SHOWN = 10
_TRIES = 5


def add_parser(subparsers: Any) -> None:
    from shared.events import KINDS

    parser: argparse.ArgumentParser = subparsers.add_parser(
        "import",
        help="bring past events from files into the event log",
        description="Reads past events from CSV, Parquet or JSON lines, and appends them to the event log that "
        "DOORSTEP_REDIS_URL or DOORSTEP_KAFKA_BOOTSTRAP names; the processor makes profiles of them. Their times are "
        "kept. A row that is wrong is counted, and costs the others nothing. An event without an id gets one that "
        "follows from its row; imported again, it counts once as long as the profile remembers it (64 events).",
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="told apart by suffix; .gz is fine")
    parser.add_argument("--format", choices=("csv", "parquet", "jsonl"), help="where the suffix does not tell")
    parser.add_argument("--type", default="view", choices=tuple(KINDS), metavar="KIND",
                        help="of events whose row names none (default: %(default)s)")  # fmt: skip
    names = parser.add_argument_group("columns", "only for names that are not recognised, such as user_id or sku")
    for name in ("visitor", "type", "item", "time", "id"):
        names.add_argument(f"--{name}-column", metavar="NAME")
    parser.add_argument("--json", action="store_true", help="print what was done as JSON")
    parser.set_defaults(run=run)


@dataclass
class Account:
    """What became of the rows."""

    read: int = 0
    sent: int = 0
    bad: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    first: list[str] = field(default_factory=list)
    """The first bad rows: file, row and reason."""

    def refuse(self, path: Path, row: int, code: str, reason: str) -> None:
        self.bad += 1
        self.reasons[code] += 1
        if len(self.first) < _SHOWN:
            self.first.append(f"{path.name}, row {row}: {reason}")


def run(arguments: argparse.Namespace) -> int:
    """Import; 2 if there was not one good row."""
    from origin.cli import print_json
    from origin.commands._event_files import Columns
    from origin.commands._running import settings_here
    from origin.eventlog.choose import open_log

    log = open_log(settings_here(os.environ))
    columns = Columns(**{name: getattr(arguments, f"{name}_column") for name in Columns._fields})
    account = Account()
    events = read_files(arguments.files, arguments.format, columns, arguments.type, account, _now_ms)
    with _progress(account, shown=not arguments.json and sys.stderr.isatty()) as update:
        asyncio.run(_send(log, events, account, update))
    if arguments.json:
        print_json(vars(account))
    else:
        _tell(account)
    return 0 if account.sent or not account.bad else 2


def read_files(
    paths: Iterable[Path],
    file_format: str | None,
    columns: "Columns",
    default_type: str,
    account: Account,
    clock_ms: Callable[[], int],
) -> "Iterator[Event]":
    """The events of the files' good rows; the bad ones go into the account."""
    from origin.commands._event_files import Reader, format_of, read_rows
    from shared.errors import BadInput
    from shared.events import Context, read_batch

    for path in paths:
        reader = Reader(path, columns, default_type)
        for row in read_rows(path, file_format or format_of(path)):
            account.read += 1
            if row.wrong:
                account.refuse(path, row.number, "bad_row", row.wrong)
                continue
            now_ms = clock_ms()
            try:
                raw = reader.event(row.values)
            except BadInput as error:
                account.refuse(path, row.number, error.code, error.detail)
                continue
            batch = read_batch(
                {"events": [raw]}, visitor="", context=Context(received_ms=now_ms), now_ms=now_ms, trusted=True
            )
            for rejected in batch.rejected:
                account.refuse(path, row.number, rejected.code, rejected.detail)
            yield from batch.events


async def _send(log: "EventLog", events: "Iterator[Event]", account: Account, update: Callable[[], None]) -> None:
    await log.open()
    try:
        while batch := list(islice(events, _BATCH)):
            await _append(log, batch)
            account.sent += len(batch)
            update()
    finally:
        await log.close()


async def _append(log: "EventLog", batch: "list[Event]") -> None:
    """Durable, or :class:`Unavailable` after some tries; what arrives more than once counts once."""
    from shared.errors import Unavailable

    for attempt in range(1, _TRIES + 1):
        try:
            await log.append(batch)
            break
        except Unavailable:
            if attempt == _TRIES:
                raise
            await asyncio.sleep(attempt * 0.5)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@contextmanager
def _progress(account: Account, *, shown: bool) -> Iterator[Callable[[], None]]:
    """A line on standard error that keeps counting."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not shown) as progress:
        task = progress.add_task("reading")
        yield lambda: progress.update(task, description=f"{account.sent:,} events sent, {account.bad:,} bad rows")


def _tell(account: Account) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    console.print(f"{account.read:,} rows read, [bold]{account.sent:,}[/bold] events sent, {account.bad:,} bad rows")
    for reason in account.first:
        console.print(f"  {reason}", markup=False, soft_wrap=True)
    if account.bad > len(account.first):
        rest = ", ".join(f"{count:,} {code}" for code, count in account.reasons.most_common())
        console.print(f"  … in all: {rest}")
