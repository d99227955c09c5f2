"""Hands a batch of events to the origin: within a deadline, once more if that failed, and not at all for a while if
that keeps failing. Whatever is not known to be in the log is left to the sender, who sends it again."""

from edge.effects import EffectFailed, Reply, fetch
from edge.errors import Later
from edge.isolate import Isolate

_LEAST_MS = 50
"""Less time than this is not worth another try."""
_ASK_AGAIN_S = 1
_REFUSED = (401, 403, 404, 405)
"""Another secret there, or no origin at all: for the operator to mend; till then the sender keeps its events."""
_REFUSED_S = 30


async def forward(isolate: Isolate, body: str, trace: str) -> Reply:
    """The origin's answer to ``body``: its 202, or the 4xx that says what is wrong with it.

    Raises :class:`Later` if the events are not known to be in the log.
    """
    breaker = isolate.events_breaker
    if not breaker.allows(isolate.now_ms):
        wait_s = -(-isolate.settings.breaker_open_ms // 1000)
        raise Later("origin_unavailable", "the origin does not take events; send them again", after_s=wait_s)
    ends_ms = isolate.now_ms + isolate.settings.events_deadline_ms
    reply = await _try(isolate, body, trace, isolate.settings.events_deadline_ms)
    left_ms = int(ends_ms - isolate.now_ms)
    if _failed(reply) and left_ms >= _LEAST_MS:
        reply = await _try(isolate, body, trace, left_ms)
    if reply is None or _failed(reply):
        breaker.failed(isolate.now_ms)
        raise Later("origin_unavailable", "the origin did not take the events; send them again", after_s=_wait_s(reply))
    breaker.succeeded()
    if reply.status == 429:
        raise Later("origin_busy", "the origin asks for a pause; send the events again", after_s=_wait_s(reply))
    if reply.status in _REFUSED:
        isolate.report(f"the origin refuses this edge's events with {reply.status}: do both have the same secret?")
        raise Later("origin_refuses", "the origin does not know this edge", after_s=_REFUSED_S)
    return reply


async def _try(isolate: Isolate, body: str, trace: str, timeout_ms: int) -> Reply | None:
    headers = {"authorization": f"Bearer {isolate.edge_token}", "content-type": "application/json"}
    if trace:
        headers["traceparent"] = trace
    try:
        return await fetch(f"{isolate.settings.origin_url}/v1/events", timeout_ms, headers, "POST", body)
    except EffectFailed as error:
        isolate.report(f"the origin did not take events: {error}")
        return None


def _failed(reply: Reply | None) -> bool:
    return reply is None or reply.status >= 500


def _wait_s(reply: Reply | None) -> int:
    said = reply.headers.get("retry-after", "") if reply else ""
    return int(said) if said.isascii() and said.isdigit() and len(said) < 5 else _ASK_AGAIN_S
