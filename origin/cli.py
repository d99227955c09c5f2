"""The program ``doorstep``: one subcommand per module of :mod:`origin.commands`."""

import argparse
import importlib
import json
import pkgutil
import sys
from collections.abc import Sequence
from types import ModuleType

import origin.commands
from shared.errors import DoorstepError, problem

_DESCRIPTION = "Real-time personalization at the CDN edge. Each command has its own --help."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. 2: the input was wrong; 1: something of ours failed; 130: Ctrl-C."""
    asked = build_parser().parse_args(arguments)
    try:
        code: int | None = asked.run(asked)
    except DoorstepError as error:
        return _fail(error, as_json=getattr(asked, "json", False))
    except KeyboardInterrupt:
        return 130
    return code or 0


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands: every public module of :mod:`origin.commands`, in the order of their names.

    A command's module has ``add_parser(subparsers)``, which sets ``run=``, a function that takes the parsed arguments
    and returns an exit code or None. It imports what it needs inside ``run``, so that ``--help`` is quick.
    """
    parser = argparse.ArgumentParser(prog="doorstep", description=_DESCRIPTION)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in _commands():
        module.add_parser(subparsers)
    return parser


def _commands() -> list[ModuleType]:
    names = (m.name for m in pkgutil.iter_modules(origin.commands.__path__) if not m.name.startswith("_"))
    return [importlib.import_module(f"origin.commands.{name}") for name in sorted(names)]


def _fail(error: DoorstepError, *, as_json: bool) -> int:
    sys.stderr.write(f"{problem(error) if as_json else f'doorstep: {error.detail}'}\n")
    return 2 if error.status < 500 else 1


def print_json(result: object) -> None:
    """Machine-readable results, on standard output."""
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
