"""How an event becomes the value of a log record, and back. Readers take every format, whatever is written."""

from collections.abc import Callable

from origin.eventlog import avro
from shared.errors import BadInput
from shared.events import CODES, INTERNAL, Event, from_record, to_record

_FORMATS: dict[str, Callable[[Event], bytes]] = {"msgpack": to_record, "avro": avro.encode}
_LAST_MS = 253_402_300_800_000
"""The year 10,000."""


def encoder(log_format: str) -> Callable[[Event], bytes]:
    """What writes ``settings.log_format``."""
    return _FORMATS[log_format]


def decode(value: bytes) -> Event:
    """The event in a log record's value. Raises :class:`BadInput` for anything else: ``bad_record``, ``unknown_type``.

    The first byte tells the formats apart: msgpack begins with the mark of an array, which is not Avro's.
    """
    if not value.startswith(avro.MARK):
        try:
            return from_record(value)
        except TypeError:  # a kind of event that is not even text
            raise BadInput("bad_record", "not an event: a member is of the wrong type") from None
    event = avro.decode(value)
    if event.type not in CODES and event.type not in INTERNAL:
        raise BadInput("unknown_type", f"{event.type[:40]!r} is no kind of event")
    if not event.visitor or not 0 < event.time_ms < _LAST_MS:
        raise BadInput("bad_record", "not an event: no visitor, or no time")
    return event
