"""The models in the isolate's memory: the one that answers, and the one before it for a rollback at once."""

from collections.abc import Callable

from edge.effects import fetch, load_model
from shared.decision import Decider
from shared.errors import DoorstepError
from shared.kernels import Kernel
from shared.model import Model, open_model
from shared.rules import NO_RULES, Rules, read_rules

LOAD_TIMEOUT_MS = 20_000

MakeKernel = Callable[[Model, int], Kernel]
"""(model, address of its first byte in linear memory) -> the kernel that scores it."""


class Models:
    """``current`` is None until a model was adopted. A swap is one assignment: no request ever sees half of it."""

    def __init__(self, make_kernel: MakeKernel) -> None:
        self._make_kernel = make_kernel
        self.current: Decider | None = None
        self.previous: Decider | None = None
        self.rules: Rules = NO_RULES
        self.state = 0
        """Changes with the model and the rules in force, so that a key which holds it finds no answer from before."""
        self._rules_etag = ""

    def adopt(self, data: memoryview, address: int, *, verify: bool) -> str:
        """Open ``data``, make it the current model, keep the last one as the previous. Returns its name.

        Raises :class:`shared.errors.BadModel`, or :class:`shared.errors.NotInModel` if the rules in force filter by a
        field that the model lacks; the current model stays.
        """
        kernel = self._make_kernel(open_model(data, verify=verify), address)
        self._swap(Decider(kernel, self.rules))
        return kernel.model.name

    def adopt_rules(self, text: str) -> None:
        """Put rules into force. Raises :class:`shared.errors.BadInput` or NotInModel; the rules in force stay."""
        rules = read_rules(text)
        if self.current:
            self.current = Decider(self.current.kernel, rules)
        self.rules = rules
        self.state += 1
        self.previous = None  # it was made with rules that no longer hold

    async def refresh(self, origin_url: str) -> None:
        """Ask the origin for its current model and rules; load what is new. Raises EffectFailed or DoorstepError."""
        await self._refresh_rules(f"{origin_url}/v1/rules/current")
        held = [d.model.name for d in (self.current, self.previous) if d]
        headers = {"if-none-match": ", ".join(f'"{name}"' for name in held)} if held else {}
        reply = await load_model(f"{origin_url}/v1/models/current", LOAD_TIMEOUT_MS, headers)
        if (
            reply.status == 304
            and self.previous
            and reply.headers.get("etag", "").strip('"') == self.previous.model.name
        ):
            self._swap(Decider(self.previous.kernel, self.rules))

    async def _refresh_rules(self, url: str) -> None:
        headers = {"if-none-match": self._rules_etag} if self._rules_etag else {}
        reply = await fetch(url, LOAD_TIMEOUT_MS, headers)
        if reply.status == 200:
            try:
                self.adopt_rules(reply.body)
            except DoorstepError:
                self._rules_etag = ""  # perhaps the model they were made for comes with this very refresh
            else:
                self._rules_etag = reply.headers.get("etag", "")

    def _swap(self, decider: Decider) -> None:
        self.current, self.previous = decider, self.current
        self.state += 1
