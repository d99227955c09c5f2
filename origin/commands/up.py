"""``doorstep up``: everything embedded, one command, until Ctrl-C."""

import argparse
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from origin.registry import Registry
    from origin.settings import Settings

ROOT = Path(__file__).resolve().parent.parent.parent


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "up",
        help="start Redis, origin and edge; Ctrl-C stops them",
        description="Starts a private Redis, the origin and the edge, and prints their URLs. The first time it trains "
        "on the demo shop, publishes that model and builds the edge. DOORSTEP_* variables (docs/settings.md) choose "
        "ports, another Redis and more.",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run until stopped."""
    from origin.settings import Settings
    from origin.up import up

    up(Settings.from_environ(os.environ), os.environ, ROOT, _say, _prepare)
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


def _prepare(settings: "Settings") -> Path:
    """A model in force and a bundle that is not older than what it is made from; returns the bundle."""
    from origin.commands.build_edge import build
    from origin.edge_process import bundle, outdated
    from origin.registry import Registry

    registry = Registry(settings.home / "registry")
    if not registry.current().models:
        _publish_demo(registry)
    current = registry.current()
    model = registry.model_file(current.models[0])
    built = bundle(ROOT)
    if outdated(ROOT, model):
        _say("building the edge's bundle; the first time this takes a while")
        build(built.parent, model=model, rules=registry.rules_file(current.rules[0]) if current.rules else None)
    _say(f"model {current.models[0]}")
    return built


def _publish_demo(registry: "Registry") -> None:
    from origin.commands._inputs import DEMO, describe, progress
    from origin.training.datasets import read_dataset
    from origin.training.train import train

    _say("no model is published yet; training on the demo shop")
    with progress(shown=True) as line:
        now_ms = time.time_ns() // 1_000_000
        dataset = read_dataset(DEMO / "interactions.csv.gz", DEMO / "products.csv.gz", now_ms=now_ms)
        line(describe(dataset))
        version = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        data = train(dataset, version=version, progress=line, clock=time.monotonic)
    registry.publish(data, (DEMO / "rules.json").read_text("utf-8"))
