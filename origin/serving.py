"""The model and rules in service: follows the registry, swaps both at once, and refuses what must not be used."""

import asyncio
import logging
from typing import NamedTuple

from origin.metrics import Metrics
from origin.numpy_kernel import NumpyKernel
from origin.registry import Current, Registry
from shared.decision import Decider
from shared.errors import DoorstepError
from shared.model import Model, open_model
from shared.rules import NO_RULES, read_rules

_log = logging.getLogger(__name__)


class Serving(NamedTuple):
    """One model with its rules, ready to answer. Immutable; a newer one replaces it as a whole."""

    decider: Decider
    model: bytes
    """The model's name, as header value."""
    rules: str
    """The rules' version."""
    rules_text: str

    @property
    def artifact(self) -> memoryview:
        """The model file's bytes, as verified."""
        return self.decider.model.buffer


class ServedModel:
    """Holds the :class:`Serving` of this process. ``now`` is None until a first usable model is there."""

    def __init__(self, registry: Registry, metrics: Metrics) -> None:
        self.now: Serving | None = None
        self.wanted = Current()
        """What the registry named when it was last read, usable or not."""
        self._registry = registry
        self._metrics = metrics
        self._seen: tuple[int, int] | None = None

    async def refresh(self) -> bool:
        """Bring what the registry names into service; returns whether anything changed.

        What cannot be used is logged, counted and not tried again until the registry changes; the model in service
        stays. Reading and checking run in a thread, the swap is one assignment.
        """
        stamp = self._registry.stamp()
        if stamp == self._seen:
            return False
        self._seen = stamp
        try:
            self.wanted = self._registry.current()
            if not self.wanted.models:
                return False
            fresh = await asyncio.to_thread(self._load, self.wanted)
        except (DoorstepError, OSError, ValueError) as error:
            self._metrics.refusals += 1
            _log.error("refused what the registry names (%s); %s", error, self._what_stays())
            return False
        self.now = fresh
        self._metrics.model = (fresh.decider.model.name, fresh.rules, fresh.decider.model.items)
        _log.info("now serving model %s with rules %s", fresh.decider.model.name, fresh.rules)
        return True

    async def follow(self, every_s: float) -> None:
        """Refresh every ``every_s`` seconds until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            try:
                await self.refresh()
            except Exception:
                _log.exception("could not look at the registry")

    def _load(self, wanted: Current) -> Serving:
        text = self._registry.rules_file(wanted.rules[0]).read_text() if wanted.rules else ""
        rules = read_rules(text) if text else NO_RULES
        model = self._model(wanted.models[0])
        return Serving(Decider(NumpyKernel(model), rules), model.name.encode(), rules.version, text or _NO_RULES_TEXT)

    def _model(self, name: str) -> Model:
        """The model called ``name``: the one in service if it is that, else read and verified.

        It is read, not mapped: a file that is cut short under a mapping would kill the process.
        """
        if self.now and self.now.decider.model.name == name:
            return self.now.decider.model
        return open_model(self._registry.model_file(name).read_bytes())

    def _what_stays(self) -> str:
        return f"{self.now.decider.model.name} stays in service" if self.now else "nothing is in service"


_NO_RULES_TEXT = '{"version":"none"}'
