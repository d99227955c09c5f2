"""Dead letters: records that could not be folded, as they lay in the log, each with the reason. Always in Redis."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import redis

from origin.eventlog.base import Position, Record
from origin.eventlog.encoding import decode
from shared.errors import BadInput, Unavailable
from shared.events import INTERNAL, Event, check

STREAM = "doorstep:dead"
_PAGE = 1000


class Letter(NamedTuple):
    """A record and why it is dead. ``id`` begins with the time of its death, in epoch milliseconds."""

    id: str
    record: Record
    reason: str


class Replayed(NamedTuple):
    """How many letters went back to the log, and how many stay because they still cannot be read."""

    appended: int
    kept: int


class DeadLetters:
    """The newest ``most`` letters. Every method may raise :class:`Unavailable`."""

    def __init__(self, client: redis.Redis, most: int) -> None:
        self._client = client
        self._most = most

    def add(self, record: Record, reason: str) -> None:
        self.add_all([(record, reason)])

    def add_all(self, letters: Sequence[tuple[Record, str]]) -> None:
        """Keep all of them, with one wait."""
        with _answering():
            pipe = self._client.pipeline(transaction=False)
            for record, reason in letters:
                pipe.xadd(STREAM, _fields(record, reason), maxlen=self._most, approximate=False)
            pipe.execute()

    def newest(self, most: int = 100) -> list[Letter]:
        with _answering():
            return _letters(self._client.xrevrange(STREAM, count=most))

    def get(self, letter_id: str) -> Letter:
        """Raises :class:`BadInput` (``no_such_letter``) if there is none of this id."""
        try:
            with _answering():
                found = _letters(self._client.xrange(STREAM, letter_id, letter_id))
        except redis.ResponseError:
            found = []
        if not found:
            raise BadInput("no_such_letter", f"there is no dead letter {letter_id[:40]!r}", 404)
        return found[0]

    def count(self) -> int:
        with _answering():
            return int(self._client.xlen(STREAM))

    def since(self, time_ms: int, most: int) -> list[int]:
        """When letters were added since ``time_ms``, in epoch milliseconds; the first ``most`` of them."""
        with _answering():
            found = _letters(self._client.xrange(STREAM, str(time_ms), count=most))
        return [int(letter.id.partition("-")[0]) for letter in found]

    def all(self) -> Iterator[Letter]:
        """Oldest first."""
        start = "-"
        while True:
            with _answering():
                page = _letters(self._client.xrange(STREAM, start, count=_PAGE))
            yield from page
            if len(page) < _PAGE:
                return
            start = f"({page[-1].id}"

    def replay(self, letters: Sequence[Letter], append: Callable[[Sequence[Event]], object]) -> Replayed:
        """Append the events of those that can be read by now to the log again, as often forwarded as never.

        Letters that still cannot be read stay, with the new reason. A crash in between leaves events in the log whose
        letters are still here; replaying them again changes nothing.
        """
        events: dict[str, Event] = {}
        for letter in letters:
            try:
                events[letter.id] = _revived(letter.record.value)
            except BadInput as error:
                self._say_why(letter, str(error))
        if events:
            append(list(events.values()))
            self.drop(list(events))
        return Replayed(len(events), len(letters) - len(events))

    def drop(self, ids: Sequence[str]) -> int:
        """Forget letters for good; how many there were."""
        with _answering():
            return int(self._client.xdel(STREAM, *ids)) if ids else 0

    def forget(self, visitor: str) -> int:
        """Forget whatever is of ``visitor``; how many letters that were."""
        return self.drop([letter.id for letter in self.all() if visitor in _whose(letter)])

    def _say_why(self, letter: Letter, reason: str) -> None:
        if reason == letter.reason:
            return
        with _answering():
            pipe = self._client.pipeline(transaction=True)
            pipe.xadd(STREAM, _fields(letter.record, reason), maxlen=self._most, approximate=False)
            pipe.xdel(STREAM, letter.id)
            pipe.execute()


def _revived(value: bytes) -> Event:
    event = decode(value)
    if event.type not in INTERNAL:
        check(event)
    details = {name: held for name, held in event.details.items() if name != "hops"}
    return event._replace(details=details)


def _whose(letter: Letter) -> set[str]:
    with contextlib.suppress(BadInput):
        event = decode(letter.record.value)
        return {letter.record.visitor, event.visitor, str(event.details.get("from"))}
    return {letter.record.visitor}


def _fields(record: Record, reason: str) -> dict[Any, Any]:
    position, visitor, value, appended_ms = record
    place = ":".join(map(str, position))
    return {"reason": reason, "visitor": visitor, "position": place, "appended_ms": appended_ms, "value": value}


def _letters(reply: Any) -> list[Letter]:
    return [_letter(id_, fields) for id_, fields in reply]


def _letter(id_: bytes, fields: dict[bytes, bytes]) -> Letter:
    position = Position(*map(int, fields[b"position"].split(b":")))
    record = Record(position, fields[b"visitor"].decode(), fields[b"value"], int(fields[b"appended_ms"]))
    return Letter(id_.decode(), record, fields[b"reason"].decode())


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (redis.RedisError, OSError) as error:
        if isinstance(error, redis.ResponseError) and "stream ID" in str(error):
            raise
        detail = f"the dead letters: {str(error) or type(error).__name__}"
        raise Unavailable("dead_letters_unavailable", detail) from error
