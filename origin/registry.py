"""The registry: a folder of published models and rules, and one pointer that says which are in force.

::

    models/<name>.doorstep     immutable; named by version and hash
    rules/<version>.json       immutable
    current.json               {"models": [newest, earlier, ...], "rules": [...]}: what is in force, and what was

The pointer is one file and is replaced by a rename after everything it names is safely on the disk. Whatever happens
in between, a full disk or a crash, the old pointer stays in force and points at whole files.
"""

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from shared.errors import BadInput, BadModel, NotInModel
from shared.model import Model, audit, open_model
from shared.ranking import compile_policy
from shared.rules import NO_RULES, Rules, read_rules

_REMEMBERED = 100


class Current(NamedTuple):
    """The pointer: names of models and versions of rules, the one in force first."""

    models: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


class Registry:
    """``folder`` is made when something is first published. Safe for several processes on one machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pointer = folder / "current.json"

    def current(self) -> Current:
        """What is in force; empty before the first publication. Raises :class:`BadModel` for a damaged pointer."""
        try:
            data = json.loads(self._pointer.read_bytes())
            return Current(tuple(map(str, data["models"])), tuple(map(str, data["rules"])))
        except FileNotFoundError:
            return Current()
        except (ValueError, KeyError, TypeError) as error:
            raise BadModel("registry_damaged", f"{self._pointer} cannot be read: {error!r}") from error

    def stamp(self) -> tuple[int, int]:
        """Changes whenever the pointer does; costs one stat."""
        try:
            found = self._pointer.stat()
        except FileNotFoundError:
            return (0, 0)
        return (found.st_mtime_ns, found.st_ino)

    def names(self) -> list[str]:
        """The names of all models in the folder, sorted."""
        return sorted(path.stem for path in self._models.glob("*.doorstep"))

    def model_file(self, name: str) -> Path:
        return self._models / f"{name}.doorstep"

    def rules_file(self, version: str) -> Path:
        return self.folder / "rules" / f"{version}.json"

    def publish(self, data: bytes, rules: str | None = None) -> str:
        """Put a model, and with it rules if given, in force; returns the model's name.

        Raises :class:`BadModel` for a model that must not be used, or that lacks a field the rules need, and
        :class:`BadInput` for bad rules; what was in force then stays so.
        """
        model = open_model(data)
        audit(model)
        with self._locked() as current:
            new_rules = self._rules_in_force(current) if rules is None else read_rules(rules)
            _fit(model, new_rules)
            _write(self.model_file(model.name), data)
            pointer = current if rules is None else self._add_rules(current, new_rules.version, rules)
            self._point(pointer._replace(models=_first(model.name, current.models)))
        return model.name

    def publish_rules(self, text: str) -> str:
        """Put rules in force; returns their version. Raises :class:`BadInput`."""
        rules = read_rules(text)
        with self._locked() as current:
            if current.models:
                _fit(open_model(self.model_file(current.models[0]).read_bytes()), rules)
            self._point(self._add_rules(current, rules.version, text))
        return rules.version

    def roll_back(self) -> str:
        """Put the model before the one in force back in force; returns its name. Raises :class:`BadInput`."""
        with self._locked() as current:
            if len(current.models) < 2:
                raise BadInput("nothing_to_roll_back_to", "no model was in force before this one")
            name = current.models[1]
            model = open_model(self.model_file(name).read_bytes())
            _fit(model, self._rules_in_force(current))
            self._point(current._replace(models=current.models[1:]))
        return name

    def prune(self, keep: int) -> list[str]:
        """Delete all but the ``keep`` (>= 1) models last in force, and leftovers; returns the deleted names."""
        if keep < 1:
            raise BadInput("bad_keep", "the registry keeps at least the model in force")
        with self._locked() as current:
            kept = Current(current.models[:keep], current.rules[:keep])
            self._point(kept)
            gone = [name for name in self.names() if name not in kept.models]
            for name in gone:
                self.model_file(name).unlink()
            for path in (self.folder / "rules").glob("*.json"):
                if path.stem not in kept.rules:
                    path.unlink()
            for path in self.folder.rglob("*.partial"):
                path.unlink()
        return gone

    @property
    def _models(self) -> Path:
        return self.folder / "models"

    def _rules_in_force(self, current: Current) -> Rules:
        return read_rules(self.rules_file(current.rules[0]).read_text()) if current.rules else NO_RULES

    def _add_rules(self, current: Current, version: str, text: str) -> Current:
        path = self.rules_file(version)
        if path.exists() and path.read_text() != text:
            raise BadInput("rules_version_taken", f"other rules are already published as version {version!r}")
        _write(path, text.encode())
        return current._replace(rules=_first(version, current.rules))

    def _point(self, current: Current) -> None:
        _write(self._pointer, json.dumps(current._asdict(), indent=1).encode())

    @contextlib.contextmanager
    def _locked(self) -> Iterator[Current]:
        """One publisher at a time; yields the pointer as it is then."""
        self._models.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self.current()


def _first(name: str, names: tuple[str, ...]) -> tuple[str, ...]:
    return (name, *(n for n in names if n != name))[:_REMEMBERED]


def _fit(model: Model, rules: Rules) -> None:
    """Check that ``model`` has the fields that ``rules`` filter by."""
    for slot, slot_rules in rules.slots.items():
        try:
            compile_policy(model, slot_rules)
        except NotInModel as error:
            raise BadModel("model_lacks_field", f"rules {rules.version}, slot {slot}: {error.detail}") from error


def _write(path: Path, data: bytes) -> None:
    """Write a file so that under ``path`` there is all of it or nothing, also after a loss of power."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, partial = tempfile.mkstemp(suffix=".partial", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(partial).chmod(0o644)
        Path(partial).replace(path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
