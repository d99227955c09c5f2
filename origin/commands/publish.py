"""``doorstep publish``: put a model or rules in force, or go back to the model before."""

import argparse
import os
from pathlib import Path
from typing import Any


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "publish",
        help="put a model, or rules, in force; or roll back",
        description="Checks a model file, and rules, and puts them in force at once and together. A running origin "
        "notices within a second, the edges within seconds after it. What is bad is refused and changes nothing.",
    )
    parser.add_argument(
        "file", type=Path, nargs="?", metavar="FILE", help="a model file, as `doorstep train` writes it"
    )
    parser.add_argument("--rules", type=Path, metavar="FILE", help="a rules file, with or without a model")
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--roll-back", action="store_true", help="put the model before the present one back in force")
    other.add_argument("--list", action="store_true", help="only show what is in force and what was")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Publish, and show what is in force then."""
    from origin.cli import print_json
    from origin.registry import Registry
    from origin.settings import Settings

    settings = Settings.from_environ(os.environ)
    registry = Registry(settings.home / "registry")
    _change(registry, arguments)
    if not arguments.list:
        registry.prune(settings.keep_models)
    current = registry.current()
    if arguments.json:
        print_json(current._asdict())
        return 0
    for noun, names in (("model", current.models), ("rules", current.rules)):
        for place, name in enumerate(names):
            print(f"{noun}  {name}{'  in force' if place == 0 else ''}")
    if not current.models:
        print("no model is published")
    return 0


def _change(registry: Any, arguments: argparse.Namespace) -> None:
    from shared.errors import BadInput

    file, rules = arguments.file, arguments.rules
    if (arguments.roll_back or arguments.list) and (file or rules):
        raise BadInput("bad_arguments", "--roll-back and --list take no files")
    if arguments.list:
        return
    if arguments.roll_back:
        registry.roll_back()
    elif file:
        registry.publish(_read(file), _read(rules).decode() if rules else None)
    elif rules:
        registry.publish_rules(_read(rules).decode())
    else:
        raise BadInput("bad_arguments", "name a model file, --rules, --roll-back or --list")


def _read(path: Path) -> bytes:
    from shared.errors import BadInput

    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput("bad_file", f"{path}: {error.strerror}") from error
