"""Steps the edge's worker by hand: every effect it asks for is answered by the test, every clock is an argument."""

import json
from dataclasses import dataclass, field
from typing import Any

from edge.worker import Worker, open_worker
from shared.kernels import PythonKernel
from shared.model import Model

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


@dataclass
class Said:
    """A message of the worker, taken apart: a response (status, headers, body, …) or an effect."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    background: int = 0
    ticket: int = 0
    effect: dict[str, Any] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    """What a browser would remember: values by name, empty where one is taken away."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def layer(self) -> str:
        return self.headers["doorstep-layer"]

    @property
    def ids(self) -> list[str]:
        return [item["id"] for item in json.loads(self.body)["items"]]


def read(message: str) -> Said:
    kind, rest = message[0], message[1:]
    first, _, rest = rest.partition("\n")
    if kind == "A":
        return Said(ticket=int(first), effect=json.loads(rest))
    status, background = first.split()
    lines, _, body = rest.partition("\n\n") if not rest.startswith("\n") else ("", "", rest[1:])
    pairs = [line.split(": ", 1) for line in lines.split("\n") if line]
    headers = {name: value for name, value in pairs if name != "set-cookie"}
    cookies = dict(value.partition(";")[0].split("=", 1) for name, value in pairs if name == "set-cookie")
    return Said(int(status), headers, body, int(background), cookies=cookies)


def reply(status: int, body: str = "", **headers: str) -> str:
    """The value of a fetch or cache effect; ``doorstep_layer="x"`` becomes the header ``doorstep-layer``."""
    return f"{status}\n{json.dumps({k.replace('_', '-'): v for k, v in headers.items()})}\n{body}"


class Stepper:
    """A worker with the pure-Python kernel, and a clock that only the test moves."""

    def __init__(self, **settings: str) -> None:
        self.now_ms = 1_000_000.0
        bindings = {f"DOORSTEP_{name.upper()}": value for name, value in settings.items()}
        self.worker: Worker = open_worker(json.dumps(bindings), lambda model, address: PythonKernel(model))

    def adopt(self, data: bytes, *, verify: bool = True) -> str:
        block = self.worker.allocate(len(data))
        block[8 : 8 + len(data)] = data
        return self.worker.adopt(block, 8, len(data), 4096, verify)

    def get(self, target: str, *, cookie: str = "", method: str = "GET") -> Said:
        """A request without a body, as the host tells of it: of a sender only where something may be sent."""
        sender = "" if method in ("GET", "HEAD") else "\n" * 7
        return read(self.worker.begin(self.now_ms, f"{method}\n{target}\n{cookie}\n\n{sender}", ""))

    def post(
        self,
        body: str,
        *,
        target: str = "/v1/events",
        cookie: str = "",
        content_type: str = "application/json",
        user_agent: str = CHROME,
        gpc: str = "",
        traceparent: str = "",
        address: str = "192.0.2.7",
        country: str = "",
        colo: str = "",
        scheme: str = "http",
        method: str = "POST",
    ) -> Said:
        sender = (content_type, user_agent, gpc, traceparent, address, country, colo, scheme)
        return read(self.worker.begin(self.now_ms, "\n".join((method, target, cookie, "", *sender)), body))

    def resume(self, said: Said, value: str = "", failed: str = "") -> Said:
        return read(self.worker.resume(said.ticket or said.background, self.now_ms, failed, value))


def ids_of(model: Model) -> list[str]:
    return [model.id(i) for i in range(model.items)]
