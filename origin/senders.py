"""Who sends events: our own edge, a server with the API key, or a browser; and what each of them may say."""

import hmac
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from shared.context import consent_of, device_of, is_bot
from shared.errors import BadInput
from shared.events import CONSENTS, DEVICES, Context
from shared.visitor import edge_token

_HEADERS = {
    b"authorization": "authorization",
    b"cookie": "cookie",
    b"user-agent": "user_agent",
    b"sec-gpc": "gpc",
    b"traceparent": "trace",
    b"x-forwarded-proto": "forwarded_proto",
}
_MAX_TRACE = 64


class Caller(StrEnum):
    EDGE = "edge"
    SERVER = "server"
    BROWSER = "browser"


class Sender(NamedTuple):
    """A request, as far as its events depend on it."""

    address: str = ""
    authorization: str = ""
    cookie: str = ""
    user_agent: str = ""
    gpc: str = ""
    trace: str = ""
    forwarded_proto: str = ""
    scheme: str = ""

    @classmethod
    def of(cls, headers: Iterable[tuple[bytes, bytes]], address: str, scheme: str = "") -> "Sender":
        """From raw headers with names in lower case."""
        return cls(address, scheme=scheme, **{_HEADERS[n]: v.decode("latin-1") for n, v in headers if n in _HEADERS})

    @property
    def secure(self) -> bool:
        return over_https(self.scheme, self.forwarded_proto)


def over_https(scheme: str, forwarded_proto: str) -> bool:
    """Whether the browser spoke https: to us, or to the first proxy of those that stand in front of us.

    ``X-Forwarded-Proto`` is believed from anybody: it decides about nothing but the sender's own cookies.
    """
    return scheme == "https" or forwarded_proto.partition(",")[0].strip() == "https"


class Trust:
    """Knows whom to believe."""

    def __init__(self, *, secret: str, api_key: str, consent: str) -> None:
        self._edge = f"Bearer {edge_token(secret)}".encode()
        self._server = f"Bearer {api_key}".encode() if api_key else b""
        self._consent = consent

    def caller(self, authorization: str) -> Caller:
        """Raises :class:`BadInput` for a token that is not ours; other ways of authorization are not meant for us."""
        if not authorization.startswith("Bearer "):
            return Caller.BROWSER
        given = authorization.encode()
        if hmac.compare_digest(given, self._edge):
            return Caller.EDGE
        if self._server and hmac.compare_digest(given, self._server):
            return Caller.SERVER
        raise BadInput("bad_api_key", "Authorization: Bearer … must name the API key, or be left out", 401)

    def context(self, caller: Caller, sender: Sender, data: Mapping[str, Any], now_ms: int) -> Context:
        """What is added to every event of the batch ``data``."""
        trace = sender.trace[:_MAX_TRACE]
        if caller is Caller.EDGE:
            return _told(data.get("context"), data.get("consent"), self._consent, now_ms, trace)
        if caller is Caller.SERVER:
            return Context(consent=data.get("consent") or self._consent, received_ms=now_ms, trace=trace)
        consent = consent_of(data.get("consent"), sender.cookie, sender.gpc == "1", self._consent)
        agent = sender.user_agent
        return Context("", device_of(agent), "", is_bot(agent), consent, now_ms, trace)


def _told(context: object, consent: str | None, default: str, now_ms: int, trace: str) -> Context:
    """The context that our edge tells; a member that makes no sense counts as untold."""
    told: Mapping[str, Any] = context if isinstance(context, dict) else {}

    def text(name: str, longest: int) -> str:
        value = told.get(name)
        return value if isinstance(value, str) and len(value) <= longest and value.isprintable() else ""

    device, agreed = told.get("device"), consent or told.get("consent")
    return Context(
        country=text("country", 2),
        device=device if device in DEVICES else "other",
        edge=text("edge", 16),
        bot=told.get("bot") is True,
        consent=agreed if agreed in CONSENTS else default,
        received_ms=now_ms,
        trace=trace or text("trace", _MAX_TRACE),
    )
