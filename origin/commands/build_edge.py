"""``doorstep build-edge``: the worker's bundle, from a model file, its rules, and the sources at hand."""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from origin.node import command, with_node
from origin.numpy_kernel import NumpyKernel
from origin.pyodide_packages import write_packages
from shared.answer import MAX_N, Question, render
from shared.decision import Decider
from shared.errors import DoorstepError
from shared.model import audit, open_model
from shared.rules import NO_RULES, read_rules

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("cachetools", "msgpack")
"""What the edge needs besides the standard library, in pure Python."""


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "build-edge",
        help="build the worker's bundle for workerd and wrangler",
        description="Builds the worker's bundle: Python as a memory snapshot, the kernel, a model, rules, the shop.",
    )
    parser.add_argument(
        "--model", type=Path, help="the model file to put in; without it the worker fetches the origin's"
    )
    parser.add_argument("--rules", type=Path, help="the rules file to put in")
    parser.add_argument("--out", type=Path, default=ROOT / ".build" / "edge", help="folder to (re)write: %(default)s")
    parser.add_argument(
        "--wheels", type=Path, metavar="DIR", help="also write the edge there as wheels that a stock Pyodide loads"
    )
    parser.add_argument("--json", action="store_true", help="print the modules' sizes as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Build; returns the process's exit code."""
    try:
        sizes = build(args.out, model=args.model, rules=args.rules)
        packages = write_packages(args.wheels, root=ROOT, requires=PACKAGES) if args.wheels else []
    except (DoorstepError, FileNotFoundError) as error:
        print(f"doorstep build-edge: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        return error.returncode
    if args.json:
        print(json.dumps({"out": str(args.out), "modules": sizes}))
    else:
        print(f"{args.out}: {len(sizes)} modules, {sum(sizes.values()) / 2**20:.1f} MiB")
        if packages:
            print(f"{args.wheels}: {', '.join(path.name for path in packages)}")
    return 0


def build(
    out: Path,
    *,
    model: Path | None = None,
    rules: Path | None = None,
    entry: Path | None = None,
    v8_flags: Sequence[str] = (),
    environ: Mapping[str, str] = os.environ,
) -> dict[str, int]:
    """Write the bundle to ``out``: ``worker/`` for wrangler, ``workerd.bin`` for plain workerd. Returns module sizes.

    ``entry`` replaces the main module and ``v8_flags`` limit memory, for tests. Raises a DoorstepError for a model or
    rules that must not be used, FileNotFoundError if Node or its packages are missing, CalledProcessError if the
    builder failed, after it said why on stderr.
    """
    wrangler = ROOT / "wrangler"
    if not (wrangler / "node_modules" / "pyodide").is_dir():
        raise FileNotFoundError(f"the worker's packages are missing; run: npm ci --prefix {wrangler}")
    options: list[str | Path] = ["--out", out, "--cache", ROOT / ".build" / "cache"]
    for package in (ROOT / "shared", ROOT / "edge", *map(_package, PACKAGES)):
        options += ["--package", package]
    for prefix, folder in (("/", "client"), ("/shop/", "shop")):
        options += ["--assets", f"{prefix}={ROOT / 'edge' / folder}"]
    for name, value in (("--model", model), ("--rules", rules), ("--entry", entry)):
        options += [name, value] if value else []
    for flag in v8_flags:
        options += [f"--v8-flag={flag}"]
    with tempfile.TemporaryDirectory() as scratch:
        if model:
            popular = Path(scratch) / "popular.json"
            popular.write_text(popular_list(model.read_bytes(), rules.read_text("utf-8") if rules else ""), "utf-8")
            options += ["--popular", popular]
        builder: list[str | Path] = [*command("node", environ), wrangler / "build" / "bundle.mjs"]
        done = subprocess.run([*builder, *options], stdout=subprocess.PIPE, check=True, env=with_node(environ))
    sizes: dict[str, int] = json.loads(done.stdout)["modules"]
    return sizes


def popular_list(data: bytes, rules: str) -> str:
    """The answer that the worker falls back to: the most popular items of a model, under its rules.

    Raises a DoorstepError for a model or rules that must not be used.
    """
    model = open_model(data)
    audit(model)
    decider = Decider(NumpyKernel(model), read_rules(rules) if rules else NO_RULES)
    return render(decider.popular(Question(n=min(MAX_N, model.items))))


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"the package {name} is not installed")
    return Path(spec.submodule_search_locations[0])
