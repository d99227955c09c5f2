"""The edge under ``doorstep up``: the built bundle in a ``workerd`` of its own."""

from collections.abc import Mapping
from pathlib import Path

from origin.children import Child
from origin.settings import Settings
from shared.errors import Unavailable

SOURCES = ("edge", "shared", "wrangler/build", "wrangler/src", "wrangler/package.json", "wrangler/settings.json")
"""What the bundle is made from, relative to the project's root."""


def bundle(root: Path) -> Path:
    """The built bundle's configuration; it need not exist yet."""
    return root / ".build" / "edge" / "workerd.bin"


def outdated(root: Path, model: Path) -> bool:
    """Whether the bundle is missing or older than one of its sources or than ``model``."""
    built = bundle(root)
    if not built.exists():
        return True
    made = built.stat().st_mtime
    files = [f for source in SOURCES for f in [root / source, *(root / source).rglob("*")]]
    return any(f.stat().st_mtime > made for f in [model, *files] if f.is_file() and "__pycache__" not in f.parts)


def edge_process(settings: Settings, environ: Mapping[str, str], root: Path, built: Path, log: Path) -> Child:
    """The bundle ``built`` as a child, with the origin of the same settings behind it and the demo shop at ``/``."""
    defaults = {"DOORSTEP_DEMO": "1", "DOORSTEP_ORIGIN_URL": settings.origin_url}
    return Child("edge", command(settings, root, built), env={**defaults, **environ}, cwd=root, log=log)


def find_workerd(root: Path) -> Path | None:
    """The native program itself, not its Node.js wrapper, which would not pass on the signal that stops it."""
    return next(root.glob("wrangler/node_modules/@cloudflare/workerd-*/bin/workerd*"), None)


def command(settings: Settings, root: Path, built: Path) -> list[str]:
    """How workerd serves the bundle ``built``. Raises :class:`Unavailable` if it is not installed."""
    program = find_workerd(root)
    if program is None:
        raise Unavailable("no_workerd", "workerd is not installed; run `npm ci` in wrangler/, or `make demo`")
    return [str(program), "serve", "--binary", str(built), "--socket-addr",
            f"http={_listening(settings.host)}:{settings.edge_port}"]  # fmt: skip


def _listening(host: str) -> str:
    """``host`` as workerd writes it: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host
