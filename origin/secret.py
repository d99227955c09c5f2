"""The secret that signs visitor ids: the one in the settings, else one that is made once and kept in the home."""

import contextlib
import os
import secrets
from pathlib import Path

from shared.errors import BadInput

_BYTES = 32


def secret_of(given: str, home: Path) -> str:
    """``given``, or what ``home/secret`` holds; made there, for this user's eyes only, if there is none.

    Processes that start at the same time agree on one. Raises :class:`BadInput` if the file is there but empty.
    """
    if given:
        return given
    path = home / "secret"
    if not path.exists():
        _make(path)
    if not (found := path.read_text("ascii").strip()):
        raise BadInput("bad_secret", f"{path} is empty; remove it, or set DOORSTEP_SECRET")
    return found


def _make(path: Path) -> None:
    """Write the whole file aside and link it into place: nobody sees half of it, and the first one wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"secret.{os.getpid()}")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(secrets.token_urlsafe(_BYTES) + "\n")
    with contextlib.suppress(FileExistsError):
        os.link(aside, path)
    aside.unlink()
