"""The edge's Python as wheels and a lock file that a stock Pyodide loads, in Node or a browser.

Nothing is fetched. pyodide-lock compares every wheel's tags and requirements with the Pyodide that wrangler/ pins;
pyodide-build, which needs Python 3.12, also writes a package index for pip and uv. The wheels hold no kernel: a host
that offers the module ``_doorstep`` brings it, and without one :class:`shared.kernels.PythonKernel` computes.
"""

import importlib.util
import json
import shutil
import tomllib
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

NAME = "doorstep-edge"
"""What to ask ``loadPackage`` for; its modules are ``shared`` and ``edge``."""


def write_packages(out: Path, *, root: Path, requires: Iterable[str]) -> list[Path]:
    """Write :data:`NAME`, the installed packages it ``requires``, and ``pyodide-lock.json`` to ``out``.

    ``root`` is the project's folder. Returns what was written: wheels, the lock, and with pyodide-build the index.
    Raises FileNotFoundError if Pyodide or a Python package is missing, RuntimeError if a wheel does not fit Pyodide.
    """
    for module in ("hatchling", "pyodide_lock", "pkginfo"):
        if importlib.util.find_spec(module) is None:
            raise FileNotFoundError(f"the package {module} is not installed: install the extras 'build' and 'embedded'")
    stock = root / "wrangler" / "node_modules" / "pyodide" / "pyodide-lock.json"
    info = json.loads(stock.read_text("utf-8"))["info"]
    names = tuple(requires)
    out.mkdir(parents=True, exist_ok=True)
    wheels = [_edge_wheel(root, names, out), *(_pure_wheel(name, out) for name in names)]
    lock = out / "pyodide-lock.json"
    packages = _lock(wheels, info, lock)
    return [*wheels, lock, *_index(packages, out)]


def _edge_wheel(root: Path, requires: tuple[str, ...], out: Path) -> Path:
    """``shared`` and ``edge``, with this project's version and those of its requirements that the edge has."""
    whole = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    kept = ("version", "requires-python", "license", "license-files")
    project = {key: whole[key] for key in kept} | {
        "name": NAME,
        "dependencies": [line for line in whole["dependencies"] if line.startswith(requires)],
    }
    return _wheel(project, root, ["shared", "edge"], out)


def _pure_wheel(name: str, out: Path) -> Path:
    """An installed package's Python files and licence. What is compiled in it, Pyodide could not load."""
    try:
        found: Distribution = distribution(name)
    except PackageNotFoundError as error:
        raise FileNotFoundError(f"the package {name} is not installed") from error
    site = Path(str(found.locate_file("")))
    licences = [str(path) for path in found.files or () if ".dist-info/licenses/" in path.as_posix()]
    project = {
        "name": name,
        "version": found.version,
        "requires-python": found.metadata["Requires-Python"],
        "license-files": licences,
    }
    return _wheel(project, site, [name], out)


def _wheel(project: dict[str, Any], root: Path, packages: Iterable[str], out: Path) -> Path:
    """Build a wheel of ``packages``' Python files, the same bytes each time; ``project`` is as in a pyproject.toml."""
    from hatchling.builders.wheel import WheelBuilder
    from hatchling.plugin.manager import PluginManager

    files = [path.relative_to(root).as_posix() for package in packages for path in (root / package).rglob("*.py")]
    target = {"only-include": files, "ignore-vcs": True}
    config = {"project": project, "tool": {"hatch": {"build": {"targets": {"wheel": target}}}}}
    builder = WheelBuilder(str(root), plugin_manager=PluginManager(), config=config)
    (built,) = builder.build(directory=str(out), versions=["standard"])
    return Path(built)


def _lock(wheels: list[Path], info: dict[str, Any], path: Path) -> dict[str, Any]:
    """Write the lock of ``wheels`` for the Pyodide that ``info`` describes. Returns its packages, by name."""
    from pyodide_lock.spec import InfoSpec, PyodideLockSpec
    from pyodide_lock.utils import add_wheels_to_spec

    # The version is no longer in Pyodide's own lock, and the last pyodide-lock for Python 3.11 insists on one.
    empty = PyodideLockSpec(info=InfoSpec(**{"version": "0.0.0", **info}), packages={})
    spec = add_wheels_to_spec(empty, wheels)
    spec.check_wheel_filenames()
    spec.to_json(path)
    written = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**written, "info": info}, indent=1, sort_keys=True), "utf-8")
    return dict(spec.packages)


def _index(packages: dict[str, Any], out: Path) -> list[Path]:
    """A package index whose links lead to ``out``, if pyodide-build is there to write one."""
    if importlib.util.find_spec("pyodide_build") is None:
        return []
    from pyodide_build.create_package_index import create_package_index

    index = out / "package_index"
    shutil.rmtree(index, ignore_errors=True)  # an earlier run's; the call insists on making the folder
    create_package_index(packages, out, dist_url="../../")
    return [index]
