"""``doorstep train``: from a file of interactions to a model file."""

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shared.model import Model


def add_parser(subparsers: Any) -> None:
    from origin.commands._inputs import add_input_options

    parser: argparse.ArgumentParser = subparsers.add_parser(
        "train",
        help="train a model on a file of interactions, or on the demo shop",
        description="Train a model: count which items go together, fit the settings on the newest sessions, "
        "embed items by sessions and titles, and write one file that edge and origin open.",
    )
    add_input_options(parser)
    parser.add_argument("--out", type=Path, default=Path("model.doorstep"), metavar="FILE", help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="for the random projections of the embeddings (default: 0)")
    parser.add_argument("--dims", type=int, default=64, choices=range(16, 257, 16), metavar="16..256",
                        help="dimensions of the item vectors, a multiple of 16 (default: 64)")  # fmt: skip
    parser.add_argument("--neighbours", type=_neighbours, default=40, metavar="K",
                        help="neighbours stored per item (default: 40)")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the training notes as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train, write the file whole or not at all, and say what was chosen."""
    from origin.cli import print_json
    from origin.commands._inputs import describe, progress, read_input
    from origin.training.train import Options, train
    from shared.model import open_model

    with progress(shown=not arguments.json) as line:
        dataset = read_input(arguments)
        line(describe(dataset))
        data = train(
            dataset,
            version=datetime.now(UTC).strftime("%Y%m%dT%H%M%S"),
            seed=arguments.seed,
            options=Options(dims=arguments.dims, neighbours=arguments.neighbours),
            progress=line,
            clock=time.monotonic,
        )
    out: Path = arguments.out
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.partial")
    partial.write_bytes(data)
    partial.replace(out)
    model = open_model(data, verify=False)
    if arguments.json:
        print_json({"model": model.name, "file": str(out), "bytes": len(data), **model.about})
    else:
        _account(model, out, len(data))
    return 0


def _neighbours(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError("1 to 1000")
    return int(text)


def _account(model: "Model", out: Path, size: int) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    about = model.about
    validation = about["validation"]
    console.print(f"\n[bold]{model.name}[/bold]  {out}, {size / 1e6:.1f} MB, {model.items:,} items")
    console.print(
        f"On the newest sessions ({validation['questions']:,} next items): hit rate@20 {validation['hit_rate']:.2%}, "
        f"MRR@20 {validation['mrr']:.2%}, shows {validation['coverage']:.0%} of the items"
    )
    table = Table("setting", "chosen", title="What was chosen, and what each change from the default brought")
    for name, value in about["settings"].items():
        table.add_row(name, "none" if value is None else f"{value:g}")
    console.print(table)
    for change in about["account"]:
        console.print(f"  {change}")
