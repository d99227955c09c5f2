"""A batch of records worked out: what is to be written, sent and laid aside. Nothing is done yet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from origin.eventlog.base import Position, Record
from origin.eventlog.encoding import decode
from origin.profiles.base import Stored, Write
from origin.profiles.keys import seal
from origin.stream.erase import Erasure
from origin.stream.step import Duplicate, Erase, Push, Send, forwarded, step
from shared.errors import BadInput
from shared.events import Event
from shared.profile import EMPTY

GetMany = Callable[[Sequence[str]], list[Stored | None]]
_REASON_CHARS = 300


@dataclass(slots=True)
class Batch:
    """What is left to do of some records; each list is emptied when it is done."""

    records: Sequence[Record]
    dead: dict[int, str] = field(default_factory=dict)
    """Why, by the record's index."""
    sends: list[Event] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    erasures: list[Erasure] = field(default_factory=list)
    done: dict[int, Position] = field(default_factory=dict)
    """The last position of each source."""
    received_ms: list[int] = field(default_factory=list)
    """When each event that was folded had come in."""
    duplicates: int = 0
    idle: set[int] = field(default_factory=set)
    """Records of :attr:`places` that changed nothing: folded before, or dead."""
    places: dict[str, list[tuple[int, Event]]] = field(default_factory=dict)
    """The events of each visitor, by the record's index."""


def work_out(records: Sequence[Record], get_many: GetMany, now_ms: int) -> Batch:
    """Read, group by visitor and fold ``records``. Raises what ``get_many`` raises."""
    batch = Batch(records)
    for place, record in enumerate(records):
        try:
            _sort_in(batch, place, record)
        except BadInput as error:
            batch.dead[place] = str(error)[:_REASON_CHARS]
        batch.done[record.position.source] = record.position
    stored = get_many(list(batch.places))
    for (visitor, events), found in zip(batch.places.items(), stored, strict=True):
        _fold(batch, visitor, events, found, now_ms)
    return batch


def set_aside_what_cannot_be_kept(batch: Batch) -> None:
    """Turn the records of visitors whose profile cannot be written down into dead letters."""
    kept = []
    for write in batch.writes:
        try:
            seal(write.profile, write.position)
        except Exception as error:
            for place, _ in batch.places[write.visitor]:
                batch.idle.add(place)
                batch.dead[place] = f"bad_profile: cannot be written down: {error!r}"[:_REASON_CHARS]
        else:
            kept.append(write)
    batch.writes = kept


def _sort_in(batch: Batch, place: int, record: Record) -> None:
    event = decode(record.value)
    visitor = event.visitor
    if visitor != record.visitor:  # another program wrote it, perhaps to a partition that is not this visitor's
        batch.sends.append(forwarded(event, visitor))
        return
    events = batch.places.get(visitor)
    if events is None:
        batch.places[visitor] = [(place, event)]
    else:
        events.append((place, event))


def _fold(batch: Batch, visitor: str, events: list[tuple[int, Event]], stored: Stored | None, now_ms: int) -> None:
    profile, known = stored or (EMPTY, None)
    newest: Position | None = None
    push = False
    for place, event in events:
        record = batch.records[place]
        at = record.position
        if known is not None and known.source == at.source and known >= at:
            batch.idle.add(place)
            continue
        try:
            profile, effects = step(profile, event, now_ms)
        except Exception as error:  # whatever a record holds, it must not stop the others
            reason = str(error) if isinstance(error, BadInput) else f"step_failed: {error!r}"
            batch.dead[place] = reason[:_REASON_CHARS]
            batch.idle.add(place)
            continue
        newest = at
        folded = True
        for effect in effects:
            kind = type(effect)
            if kind is Push:
                push = True
            elif kind is Duplicate:
                batch.duplicates += 1
                batch.idle.add(place)
                folded = False
            elif isinstance(effect, Send):
                batch.sends.append(effect.event)
            elif isinstance(effect, Erase):
                batch.erasures.append(Erasure(visitor, effect.receipt, at))
        if folded:
            batch.received_ms.append(event.context.received_ms or record.appended_ms)
    if newest is not None:
        batch.writes.append(Write(visitor, profile, newest, push))
