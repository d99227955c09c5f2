"""The Python end of the narrow call (docs/narrow-call.md): steps handlers, one coroutine per request.

A coroutine that awaits an effect is parked under a ticket until its own request's host resumes it.
"""

import json
import random
import sys
import time
from collections.abc import Coroutine
from typing import Any

from edge.app import handle
from edge.effects import EffectFailed
from edge.http import Background, Request, Response
from edge.isolate import Isolate
from edge.models import MakeKernel
from edge.settings import read_settings

MAX_PARKED = 10_000
"""Requests that may wait at once; the oldest is given up for a new one (its host has surely forgotten it)."""

_Step = Coroutine[Any, str, Response | None]


class Worker:
    """One per isolate."""

    def __init__(self, isolate: Isolate) -> None:
        self._isolate = isolate
        self._parked: dict[int, _Step | Background] = {}
        self._next = 1

    def begin(self, now_ms: float, head: str, body: str) -> str:
        """Take a request as far as it goes without the host. Returns a message."""
        method, target, cookie, if_none_match, sender = head.split("\n", 4)
        path, _, query = target.partition("?")
        request = Request(method, path, query, cookie, if_none_match, sender, body)
        self._isolate.now_ms = now_ms
        return self._step(handle(self._isolate, request), 0, None)

    def resume(self, ticket: int, now_ms: float, failed: str, value: str) -> str:
        """Go on with what waits under ``ticket``, with the value of its effect or the reason that there is none."""
        parked = self._parked.pop(ticket, None)
        if parked is None:
            return "D0 0\n\n"
        coroutine = parked() if callable(parked) else parked
        self._isolate.now_ms = max(self._isolate.now_ms, now_ms)
        return self._step(coroutine, ticket, EffectFailed(failed) if failed else value or None)

    def close(self, ticket: int) -> None:
        """Forget what waits under ``ticket``; its ``finally`` blocks run."""
        parked = self._parked.pop(ticket, None)
        if parked is not None and not callable(parked):
            parked.close()

    def reseed(self, fresh: str) -> None:
        """Seed ``random`` anew: a restored snapshot would give the same numbers in every isolate."""
        random.seed(fresh)

    def allocate(self, size: int) -> bytearray:
        """Room for a model of ``size`` bytes that can be placed at a multiple of 64."""
        return bytearray(size + 64)

    def adopt(self, block: bytearray, offset: int, size: int, address: int, verify: bool) -> str:
        """Make the model at ``block[offset : offset + size]``, whose first byte is at ``address``, the current one."""
        return self._isolate.models.adopt(memoryview(block)[offset : offset + size], address, verify=verify)

    def adopt_rules(self, text: str) -> None:
        self._isolate.models.adopt_rules(text)

    def _step(self, coroutine: _Step, ticket: int, value: str | EffectFailed | None) -> str:
        try:
            effect = coroutine.throw(value) if isinstance(value, EffectFailed) else coroutine.send(value)  # type: ignore[arg-type]
        except StopIteration as stop:
            return self._done(stop.value)
        ticket = ticket or self._ticket()
        self._parked[ticket] = coroutine
        return f"A{ticket}\n{effect.wire}"

    def _done(self, response: Response | None) -> str:
        if response is None:
            return "D0 0\n\n"
        background = 0
        if response.background is not None:
            background = self._ticket()
            self._parked[background] = response.background
        headers = "".join([f"{name}: {value}\n" for name, value in response.headers.items()])
        if response.cookies:  # last, so that the host finds where the part begins that is nobody else's
            headers += "".join([f"set-cookie: {cookie}\n" for cookie in response.cookies])
        return f"D{response.status} {background}\n{headers}\n{response.body}"

    def _ticket(self) -> int:
        if len(self._parked) >= MAX_PARKED:
            self.close(next(iter(self._parked)))
        self._next += 1
        return self._next


def open_worker(settings_json: str, make_kernel: MakeKernel | None = None) -> Worker:
    """A worker with the settings in ``settings_json`` (``DOORSTEP_*`` names), without a model yet.

    ``make_kernel`` defaults to the SIMD kernel, which exists only inside a host that offers ``_doorstep``.
    """
    if make_kernel is None:
        from edge.simd import make_simd_kernel

        make_kernel = make_simd_kernel
    settings = read_settings(json.loads(settings_json))
    isolate = Isolate(settings, make_kernel, stopwatch=time.perf_counter, draw_bits=random.getrandbits, report=_report)
    return Worker(isolate)


def _report(line: str) -> None:
    print(line, file=sys.stderr)
