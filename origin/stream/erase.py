"""What an erasure forgets besides the profile. Every step may be repeated: a crash begins again with the first."""

import contextlib
from collections.abc import Iterator
from importlib.resources import files
from typing import NamedTuple

import redis

from origin.eventlog.base import Archive, Position
from origin.stream.deadletter import DeadLetters
from shared.errors import Unavailable

AUDIT = "doorstep:audit"
"""The stream of what was done, when and how much, and never to whom."""
_AUDIT_ENTRIES = 100_000
_RECEIPT_S = 24 * 3600


class Erasure(NamedTuple):
    """``until`` is the place of the record that asked for it; an empty ``receipt``: it ends at another visitor."""

    visitor: str
    receipt: str
    until: Position


def receipt_key(receipt: str) -> str:
    """A string that is there, for a day, once the erasure is complete: when that was, in epoch milliseconds."""
    return f"doorstep:erased:{receipt}"


class Eraser:
    """Forgets dead letters and log records, and notes that it did."""

    def __init__(self, client: redis.Redis, archive: Archive, dead: DeadLetters) -> None:
        self._archive = archive
        self._dead = dead
        self._note = client.register_script((files("origin.stream") / "lua" / "erased.lua").read_bytes())

    def erase(self, erasure: Erasure, now_ms: int) -> None:
        """Raises :class:`Unavailable`, and is to be called again then.

        The log's records go last: among them is the one that asked, without which a crash would end it half done.
        """
        visitor, receipt, until = erasure
        events = sum(1 for record in self._archive.of(visitor) if _up_to(record.position, until))
        dead_letters = self._dead.forget(visitor)
        keys, what = ([AUDIT, receipt_key(receipt)], "erase") if receipt else ([AUDIT], "erase-merged")
        with _answering():
            self._note(keys, [_AUDIT_ENTRIES, _RECEIPT_S, now_ms, what, events, dead_letters])
        self._archive.forget(visitor, until)


def _up_to(position: Position, until: Position) -> bool:
    return position.source != until.source or position <= until


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise Unavailable("audit_unavailable", f"the audit: {str(error) or type(error).__name__}") from error
