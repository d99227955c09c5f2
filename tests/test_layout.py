"""The arrows of the house: edge -> shared <- origin; nothing imports back, and nothing heavy reaches the edge."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("shared", "edge", "origin")
EDGE_WHEELS = {"cachetools", "msgpack", "_doorstep"}


def modules() -> dict[str, Path]:
    """Our modules by dotted name."""
    found = {}
    for package in OURS:
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(name: str) -> set[str]:
    """Everything the module imports, anywhere in it, as dotted names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            assert node.module
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def packages(name: str) -> set[str]:
    """The top-level packages that the module imports."""
    return {imported.partition(".")[0] for imported in imports(name)}


def test_there_is_something_to_look_at() -> None:
    assert {package for package in OURS if any(name.startswith(f"{package}.") for name in MODULES)} == set(OURS)
    assert "shared.errors" in imports("shared.model")


@pytest.mark.parametrize("name", MODULES)
def test_arrows_run_one_way(name: str) -> None:
    package = name.partition(".")[0]
    allowed = {package, "shared"}
    assert packages(name) & {*OURS, "tests", "bench", "data"} <= allowed


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith(("shared", "edge"))])
def test_the_edge_is_the_standard_library_and_pure_python_wheels(name: str) -> None:
    assert packages(name) - set(OURS) <= set(sys.stdlib_module_names) | EDGE_WHEELS


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("shared")])
def test_shared_has_no_clock_no_randomness_and_no_input_or_output(name: str) -> None:
    assert not packages(name) & {"asyncio", "io", "os", "pathlib", "random", "secrets", "socket", "subprocess", "time"}


def test_no_two_modules_import_each_other() -> None:
    """Also not by way of others: the modules can be put in an order in which each imports only earlier ones."""
    # A package's __init__ is run by whoever imports a module in it; these are empty or say so in a docstring.
    left = {name: {i for i in imports(name) if i in MODULES and i != name} for name in MODULES}
    while ready := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in ready:
            del left[name]
    assert not left, "modules in a circle, or behind one"


def test_wrangler_holds_no_python() -> None:
    ours = [p for p in (ROOT / "wrangler").rglob("*.py") if "node_modules" not in p.parts]
    assert ours == []
