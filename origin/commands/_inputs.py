"""Options and steps that the commands around training share."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from origin.training.datasets import Columns, Dataset, read_dataset
from shared.errors import BadInput

DEMO = Path(__file__).resolve().parents[2] / "data"


def add_input_options(parser: argparse.ArgumentParser) -> None:
    """Where interactions and items come from, and how their columns are called."""
    files = parser.add_argument_group("input", "CSV or Parquet, told apart by suffix; .gz is fine")
    files.add_argument("--interactions", type=Path, metavar="FILE", help="rows of visitor, item, time, and optionally "
                       "type, session, title (default: the demo shop in data/)")  # fmt: skip
    files.add_argument("--items", type=Path, metavar="FILE", help="rows of item, title, price, category, more fields")
    names = parser.add_argument_group("columns", "only for names that are not recognised, such as user_id or sku")
    for field in Columns._fields:
        names.add_argument(f"--{field}-column", metavar="NAME", help=argparse.SUPPRESS if field == "title" else None)


def read_input(arguments: argparse.Namespace) -> Dataset:
    """The dataset that ``arguments`` name, the demo shop's if they name none."""
    interactions, items = arguments.interactions, arguments.items
    if interactions is None:
        interactions, items = DEMO / "interactions.csv.gz", items or DEMO / "products.csv.gz"
        if not interactions.is_file():
            raise BadInput("no_demo_data", "the demo shop's data is not installed here; name a file by --interactions")
    columns = Columns(**{field: getattr(arguments, f"{field}_column") for field in Columns._fields})
    return read_dataset(interactions, items, now_ms=time.time_ns() // 1_000_000, columns=columns)


def describe(dataset: Dataset) -> str:
    """One line on what was read and what was left out."""
    sessions = dataset.sessions
    read = f"{len(sessions.events):,} events in {sessions.size:,} sessions, {dataset.catalogue.size:,} items"
    left = ", ".join(f"{count:,} {reason}" for reason, count in dataset.dropped.items())
    return f"{read}; left out: {left}" if left else read


@contextmanager
def progress(shown: bool) -> Iterator[Callable[[str], None]]:
    """Reports lines on standard error, with the seconds so far: beside a spinner on a terminal, else plainly."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    started = time.monotonic()

    def line(text: str) -> None:
        if shown:
            console.print(f"[dim]{time.monotonic() - started:6.1f} s[/dim]  {text}", soft_wrap=True)

    if shown and sys.stderr.isatty():
        with console.status("training"):
            yield line
    else:
        yield line
