"""The edge's settings: read once from the worker's ``DOORSTEP_*`` bindings, frozen, typed."""

from collections.abc import Mapping
from typing import NamedTuple

from shared.errors import BadInput
from shared.events import CONSENTS


class Settings(NamedTuple):
    """Defaults are those of ``make demo``. Every field is the binding ``DOORSTEP_<NAME>``."""

    origin_url: str = ""
    """Where the origin answers, without a trailing slash; empty means that there is none."""
    origin_deadline_ms: int = 300
    """How long an answer may wait for the origin."""
    refresh_s: int = 15
    """How often the isolate asks the origin for a newer model or newer rules; 0 means never."""
    isolate_ttl_s: int = 30
    isolate_stale_s: int = 300
    isolate_bytes: int = 4 * 1024 * 1024
    """Bound of the isolate's answer cache: bytes of keys and bodies."""
    cdn_ttl_s: int = 60
    cdn_stale_s: int = 3600
    shared_history_max: int = 2
    """Answers for histories of at most this many items are worth keeping for other visitors."""
    secret: str = ""
    """Signs visitor ids; the same as the origin's. Without it the edge knows nobody and takes no events."""
    consent: str = "full"
    """What holds for visitors who have said nothing: none, session or full."""
    events_deadline_ms: int = 3000
    """How long a batch of events may take to reach the origin's log, repeats included."""
    events_per_minute: int = 600
    """Events that one visitor, or one address without a visitor, may send to this isolate in a minute."""
    profile_ttl_s: int = 30
    """How long a profile is used before it is fetched anew; 0 turns profiles off at the edge."""
    otlp_url: str = ""
    """Where OpenTelemetry traces go (OTLP over HTTP); empty makes none."""
    breaker_failures: int = 3
    """So many failures of the origin in a row open the breaker ..."""
    breaker_open_ms: int = 2000
    """... for so long, during which the origin is not asked at all."""


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Settings from bindings. Raises :class:`shared.errors.BadInput` naming a variable that cannot be read."""
    values: dict[str, str | int] = {}
    for field, default in Settings()._asdict().items():
        name = f"DOORSTEP_{field.upper()}"
        text = environ.get(name, "").strip()
        if not text:
            continue
        if field == "consent" and text not in CONSENTS:
            raise BadInput("bad_setting", f"{name} must be one of {', '.join(CONSENTS)}, not {text[:20]!r}")
        if isinstance(default, str):
            values[field] = text.rstrip("/")
        elif text.isascii() and text.isdigit() and len(text) <= 12:
            values[field] = int(text)
        else:
            raise BadInput("bad_setting", f"{name} must be a whole number, not {text[:40]!r}")
    return Settings(**values)  # type: ignore[arg-type]
