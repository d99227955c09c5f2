"""The origin's settings: read once from ``DOORSTEP_*`` variables, frozen, typed; ``docs/settings.md`` lists them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from shared.errors import BadInput
from shared.events import CONSENTS


def _setting(default: Any, about: str, low: float = 0, high: float = 1e9) -> Any:
    return field(default=default, metadata={"about": about, "low": low, "high": high})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every field is the variable ``DOORSTEP_<NAME>``. Units are in the names; an empty variable means the default."""

    home: Path = _setting(Path(".doorstep"), "Folder of the registry, the secret and the embedded Redis.")  # noqa: RUF009 - a field
    host: str = _setting("127.0.0.1", "Address on which the origin and, under `doorstep up`, the edge listen.")
    origin_port: int = _setting(8000, "The origin's TCP port.", 1, 65535)
    edge_port: int = _setting(8787, "The edge's TCP port under `doorstep up`.", 1, 65535)
    redis_url: str = _setting(
        "", "`redis://`, `rediss://` or `unix://` URL of a Redis shared by all origins; empty starts a private one."
    )
    redis_timeout_ms: int = _setting(50, "Longest wait for Redis while a visitor waits.", 1, 60_000)
    redis_ttl_s: float = _setting(30, "How long an answer in Redis is fresh.")
    memory_ttl_s: float = _setting(5, "How long an answer in the origin's memory is fresh.")
    stale_s: float = _setting(60, "How much longer either of them may be served while it is being refreshed.")
    memory_answers: int = _setting(4096, "Bound of the answers kept in memory; each has some kilobytes.", 1)
    shared_history_max: int = _setting(
        2, "Redis keeps answers for histories of at most so many items; longer ones are rarely asked twice.", -1, 100
    )
    poll_s: float = _setting(1, "How often the origin looks for a newly published model or rules file.", 0.01)
    keep_models: int = _setting(
        5, "How many published models, and rules files, the registry keeps for rolling back.", 1
    )
    secret: str = _setting(
        "", "Signs visitor ids; the same at every edge and origin. Empty: one is made and kept in `DOORSTEP_HOME`."
    )
    consent: str = _setting("full", "What holds for visitors who have said nothing: `none`, `session` or `full`.")
    kafka_bootstrap: str = _setting("", "`host:port,…` of Kafka brokers; empty keeps the event log in Redis Streams.")
    kafka_topic: str = _setting("doorstep-events", "Kafka topic of the event log; made if it is not there.")
    kafka_replication: int = _setting(1, "Replicas of that topic when it is made.", 1, 16)
    log_partitions: int = _setting(4, "Partitions of a log that is made: how many processors may share it.", 1, 1024)
    log_format: str = _setting("msgpack", "How events are written to the log: `msgpack` or `avro`; both are read.")
    log_days: float = _setting(7, "How long the log keeps events.", 0.001)
    log_deadline_ms: int = _setting(2500, "Longest wait for the log while an event's sender waits.", 1, 60_000)
    profile_days: float = _setting(90, "How long a profile outlives its visitor's last event.", 0.001)
    session_profile_h: float = _setting(2, "The same for visitors who agreed to the session only.", 0.001)
    events_per_minute: int = _setting(
        600, "Events that one visitor, or ten times so many one address, may send to a process in a minute; 0: any."
    )
    fold_batch: int = _setting(2000, "How many events the processor folds at a time, at most.", 1, 100_000)
    dead_letters: int = _setting(10_000, "How many dead letters are kept.", 1)
    dead_letter_flood: int = _setting(500, "So many dead letters within a minute stop the processor.", 1)
    push_min_ms: int = _setting(500, "Least time between two lists pushed to one open page.", 0, 60_000)
    live_max: int = _setting(10_000, "Open pages per origin process; more are asked to come back later.", 1)
    otlp_url: str = _setting("", "Where OpenTelemetry traces go (OTLP over HTTP); empty makes none.")
    api_key: str = _setting("", "Secret that `Authorization: Bearer …` must name for administration; empty forbids it.")

    @property
    def origin_url(self) -> str:
        """Where the origin answers, without a trailing slash."""
        return f"http://{_reachable(self.host)}:{self.origin_port}"

    @property
    def edge_url(self) -> str:
        """Where the edge answers under ``doorstep up``, without a trailing slash."""
        return f"http://{_reachable(self.host)}:{self.edge_port}"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Settings from variables. Raises :class:`BadInput` that names the variable which cannot be read."""
        values = {f.name: _read(f, text) for f in fields(cls) if (text := environ.get(variable(f.name), "").strip())}
        return cls(**values)


_CHOICES = {"consent": CONSENTS, "log_format": ("msgpack", "avro")}


def variable(name: str) -> str:
    """The environment variable of the field ``name``."""
    return f"DOORSTEP_{name.upper()}"


def reference() -> str:
    """The settings as a Markdown table: variable, default, meaning."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for f in fields(Settings):
        default = f"`{f.default}`" if f.default != "" else "empty"
        rows.append(f"| `{variable(f.name)}` | {default} | {f.metadata['about']} |")
    return "\n".join(rows) + "\n"


def _read(f: Any, text: str) -> Any:
    name = variable(f.name)
    if f.name in _CHOICES and text not in _CHOICES[f.name]:
        raise BadInput("bad_setting", f"{name} must be one of {', '.join(_CHOICES[f.name])}, not {text[:20]!r}")
    if f.name == "redis_url" and urlsplit(text).scheme not in ("redis", "rediss", "unix"):
        raise BadInput("bad_setting", f"{name} must begin with redis://, rediss:// or unix://, not {text[:20]!r}")
    if not isinstance(f.default, int | float):
        return type(f.default)(text) if isinstance(f.default, str) else Path(text)
    kind = int if f.type is int else float
    low, high = f.metadata["low"], f.metadata["high"]
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not low <= value <= high:
        what = "a whole number" if kind is int else "a number"
        raise BadInput("bad_setting", f"{name} must be {what} from {low:g} to {high:g}, not {text[:40]!r}")
    return value


def _reachable(host: str) -> str:
    """A host to connect to: an address that stands for all addresses is no address to connect to."""
    return "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host  # noqa: S104
