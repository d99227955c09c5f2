"""``doorstep evaluate``: a model beside popularity and last-item co-occurrence, on sessions it has not seen."""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.errors import BadInput

if TYPE_CHECKING:
    from origin.training.protocols import Trial
    from shared.model import Model

_PROTOCOLS = """\
protocols:
  next-item  time-ordered: the newest sessions (--test-share), or those of --test, are asked for every next item
  sr-gnn     --interactions has one session of ids per line, --test has a header and rows of input, tab, target
  serenade   --interactions and --test hold clicks; every next item is asked, the current item is never an answer
All items of the catalogue are ranked. Settings are fitted on the newest training sessions; the test is read once."""


def add_parser(subparsers: Any) -> None:
    from origin.commands._inputs import add_input_options

    parser: argparse.ArgumentParser = subparsers.add_parser(
        "evaluate",
        help="measure a model beside popularity and co-occurrence",
        description="Rank the whole catalogue after each click of sessions that training has not seen, and measure "
        "where the next item stands. Without --model, a model is trained on the earlier part first.",
        epilog=_PROTOCOLS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_input_options(parser)
    parser.add_argument("--model", type=Path, metavar="FILE",
                        help="measure this model; that it has not seen the test is up to you")  # fmt: skip
    parser.add_argument("--test", type=Path, metavar="FILE", help="test sessions in a file of their own")
    parser.add_argument("--test-share", type=_share, default=0.1, metavar="SHARE",
                        help="newest share of the sessions to test on without --test (default: 0.1)")  # fmt: skip
    parser.add_argument("--protocol", choices=("next-item", "sr-gnn", "serenade"), default="next-item")
    parser.add_argument("-k", type=int, default=20, choices=range(1, 101), metavar="1..100",
                        help="places that count (default: 20)")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from origin.cli import print_json
    from origin.commands._inputs import describe, progress
    from origin.training.evaluate import examine
    from origin.training.protocols import realigned
    from origin.training.train import Options, train
    from shared.model import open_model

    with progress(shown=not arguments.json) as line:
        trial = _trial(arguments)
        line(describe(trial.dataset))
        if arguments.model:
            model = _opened(arguments.model)
            trial = realigned(trial, model)
        else:
            options = Options(mask=trial.exam.mask)
            data = train(trial.dataset, version="evaluation", seed=arguments.seed, options=options, progress=line)
            model = open_model(data, verify=False)
        line(f"answering {trial.exam.questions.size:,} questions")
        started = time.monotonic()
        result = examine(model, trial.dataset.sessions, trial.exam, arguments.k)
        line(f"done in {time.monotonic() - started:.1f} s")
    result = {**result, "model": model.name, "settings": model.about.get("settings")}
    if arguments.json:
        print_json(result)
    else:
        _print(result)
    return 0


def _trial(arguments: argparse.Namespace) -> "Trial":
    from origin.commands._inputs import read_input
    from origin.training import protocols
    from origin.training.datasets import read_dataset

    now_ms = time.time_ns() // 1_000_000
    if arguments.protocol == "next-item":
        dataset = read_input(arguments)
        if arguments.test is None:
            return protocols.next_item(dataset, arguments.test_share)
        return protocols.next_item_in(dataset, read_dataset(arguments.test, now_ms=now_ms))
    if arguments.interactions is None or arguments.test is None:
        raise BadInput("missing_file", f"--protocol {arguments.protocol} needs --interactions and --test")
    if arguments.protocol == "sr-gnn":
        return protocols.sr_gnn(arguments.interactions, arguments.test)
    return protocols.serenade(arguments.interactions, arguments.test, now_ms)


def _opened(path: Path) -> "Model":
    from shared.model import open_model

    try:
        return open_model(path.read_bytes())
    except OSError as error:
        raise BadInput("bad_file", f"{path}: {error.strerror}") from error


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError("a share is a number between 0 and 1")
    return share


def _print(result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    k = result["k"]
    table = Table("", f"HR@{k}", f"MRR@{k}", f"nDCG@{k}", f"recall@{k}", "coverage", title=result["protocol"])
    for name, m in result["results"].items():
        cells = (m["hit_rate"], m["mrr"], m["ndcg"], m["recall"], m["coverage"])
        table.add_row(name, *(f"{100 * value:.2f}" for value in cells))
    console = Console(highlight=False)
    console.print(table)
    console.print(f"{result['questions']:,} questions, percent; HR@{k} is also called P@{k}. Model {result['model']}.")
