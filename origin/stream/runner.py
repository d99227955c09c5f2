"""The processor's loop: poll, work out, lay aside, send, write, and commit what a crash cannot undo any more.

Whatever is away, the batch in hand waits for it and nothing more is read meanwhile. See docs/decisions/0007.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from origin.eventlog.base import Consumer, Position, Record
from origin.profiles.base import ProfileWriter, StoreForgot
from origin.stream.batch import Batch, set_aside_what_cannot_be_kept, work_out
from origin.stream.erase import Erasure
from origin.stream.spans import FoldSpans
from origin.stream.status import Status
from shared.errors import Unavailable

_POLL_S = 0.2
_LONGEST_PAUSE_S = 2.0
_MOST_PENDING = 256
"""Batches whose writes are not known to be safe; with more than these nothing is read."""
_MINUTE_MS = 60_000
_log = logging.getLogger(__name__)


class Flood(Exception):  # it ends the processor
    """So many dead letters that something must be wrong with the events or with us: somebody has to look."""


class Laying(Protocol):
    """Where dead letters go; :class:`origin.stream.deadletter.DeadLetters`."""

    def add_all(self, letters: Sequence[tuple[Record, str]]) -> None: ...

    def since(self, time_ms: int, most: int) -> list[int]: ...


class Erasing(Protocol):
    """Who ends an erasure; :class:`origin.stream.erase.Eraser`."""

    def erase(self, erasure: Erasure, now_ms: int) -> None: ...


class _Pending(NamedTuple):
    """A batch that is written: it may be committed when so many calls of ``write`` are safe."""

    call: int
    done: dict[int, Position]
    erasures: list[Erasure]
    records: int


class Runner:
    """Runs until ``stop`` is set. ``batch`` and ``flood`` are the settings' ``fold_batch`` and ``dead_letter_flood``;
    ``tend`` is called between batches, several times a second; ``spans`` are told of every batch that is written.
    """

    def __init__(
        self,
        consumer: Consumer,
        writer: ProfileWriter,
        dead: Laying,
        eraser: Erasing,
        status: Status,
        *,
        batch: int,
        flood: int,
        stop: threading.Event,
        clock_ms: Callable[[], int],
        tend: Callable[[], None] = lambda: None,
        spans: FoldSpans | None = None,
    ) -> None:
        self._consumer = consumer
        self._writer = writer
        self._dead = dead
        self._eraser = eraser
        self._status = status
        self._most = batch
        self._flood = flood
        self._stop = stop
        self._clock_ms = clock_ms
        self._tend = tend
        self._spans = spans
        self._records: Sequence[Record] = ()
        self._batch: Batch | None = None
        self._calls = 0
        self._pending: deque[_Pending] = deque()
        self._done: dict[int, Position] = {}
        self._letters: deque[int] | None = None
        """When the dead letters of the last minute were written; also those of whoever ran before us."""
        self._flooded = False

    def run(self) -> None:
        """Raises :class:`Flood` when what came before the flood is committed."""
        pause_s = 0.0
        while not self._stop.is_set():
            try:
                self.turn()
                pause_s = 0.0
            except Unavailable as error:
                self._status.failed(error.code, self._clock_ms())
                if pause_s == 0:
                    _log.warning("waiting: %s", error.detail)
                pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s or 0.05)
            self._tend()
            if self._flooded and not self._pending and not self._done:
                raise Flood(f"{self._flood} dead letters within a minute; see `doorstep deadletter list`")
            self._stop.wait(pause_s)
        self._finish()

    def turn(self) -> None:
        """One batch, or what is left of one. Raises :class:`Unavailable`; the next turn goes on where it stood."""
        try:
            self._let_go(self._consumer.lost())
            if not self._records and self._batch is None:
                self._read()
            self._work()
            self._settle()
        except StoreForgot:
            self._begin_anew()
            raise

    def _read(self) -> None:
        if self._flooded or len(self._pending) >= _MOST_PENDING:
            self._stop.wait(_POLL_S / 4)
        else:
            self._records = self._consumer.poll(self._most, _POLL_S)

    def _work(self) -> None:
        if self._records:
            self._batch = self._worked_out(self._records)
            self._records = ()
        if self._batch is not None:
            self._carry_out(self._batch)
            self._batch = None

    def _worked_out(self, records: Sequence[Record]) -> Batch:
        """The batch, cut short after the dead letter that makes it a flood."""
        now_ms = self._clock_ms()
        batch = work_out(records, self._writer.get_many, now_ms)
        if batch.dead and len(batch.dead) >= (room := self._room(now_ms)):
            self._flooded = True
            places = sorted(batch.dead)
            end = places[room - 1] + 1 if room > 0 else places[0]
            if end < len(records):
                batch = work_out(records[:end], self._writer.get_many, now_ms)
        return batch

    def _room(self, now_ms: int) -> int:
        """How many more dead letters make a flood."""
        if self._letters is None:
            self._letters = deque(self._dead.since(now_ms - _MINUTE_MS, self._flood))
        while self._letters and self._letters[0] <= now_ms - _MINUTE_MS:
            self._letters.popleft()
        return self._flood - len(self._letters)

    def _carry_out(self, batch: Batch) -> None:
        """Dead letters and sends are durable before the profiles are written, and none is repeated by a retry."""
        self._lay_aside(batch)
        if batch.sends:
            self._consumer.append(batch.sends)
            batch.sends = []
        done = self._write(batch)
        self._calls += 1
        status = self._status
        status.batches += 1
        status.duplicates += batch.duplicates
        status.pushes += sum(took and write.push for took, write in zip(done, batch.writes, strict=True))
        now_ms = self._clock_ms()
        status.wrote(batch.received_ms, now_ms)
        if self._spans is not None:
            self._spans.tell(batch, done, now_ms)
        self._pending.append(_Pending(self._calls, batch.done, batch.erasures, len(batch.records)))

    def _write(self, batch: Batch) -> list[bool]:
        try:
            return self._writer.write(batch.writes)
        except Unavailable:
            raise
        except Exception:
            _log.exception("a profile cannot be written down; its events become dead letters")
        set_aside_what_cannot_be_kept(batch)
        self._lay_aside(batch)
        return self._writer.write(batch.writes)

    def _lay_aside(self, batch: Batch) -> None:
        if not batch.dead:
            return
        self._dead.add_all([(batch.records[place], reason) for place, reason in batch.dead.items()])
        self._status.dead_letters += len(batch.dead)
        if self._letters is not None:
            self._letters.extend([self._clock_ms()] * len(batch.dead))
        batch.dead = {}

    def _settle(self) -> None:
        """End the erasures of what is safe by now, and commit it."""
        if not self._pending and not self._done:
            return
        safe = self._writer.safe()
        while self._pending and self._pending[0].call <= safe:
            _, done, erasures, records = self._pending[0]
            while erasures:
                self._eraser.erase(erasures[0], self._clock_ms())
                del erasures[0]
                self._status.erasures += 1
            self._pending.popleft()
            self._done.update(done)
            self._status.committed += records
        if self._done:
            self._consumer.commit(self._done)
            self._done = {}

    def _let_go(self, lost: Sequence[int]) -> None:
        """What is written of these sources stays, which harms nobody; committing it is not ours any more."""
        if not lost:
            return
        gone = set(lost)
        self._records = [record for record in self._records if record.position.source not in gone]
        for done in [self._done, *(p.done for p in self._pending), *([self._batch.done] if self._batch else [])]:
            for source in gone & done.keys():
                del done[source]
        for erasures in [*(p.erasures for p in self._pending), *([self._batch.erasures] if self._batch else [])]:
            erasures[:] = [erasure for erasure in erasures if erasure.until.source not in gone]

    def _begin_anew(self) -> None:
        """The store has forgotten what was not safe: back to what is committed, all of which was."""
        self._records, self._batch = (), None
        self._pending.clear()
        self._done.clear()
        self._calls = 0
        self._flooded = False
        self._consumer.rewind()

    def _finish(self, patience_s: float = 5) -> None:
        """Carry out the batch in hand, wait until all is safe, commit. What takes too long will be done once more."""
        end = time.monotonic() + patience_s
        try:
            self._let_go(self._consumer.lost())
            self._work()
            self._settle()
            while self._pending and time.monotonic() < end:
                time.sleep(0.05)
                self._let_go(self._consumer.lost())
                self._settle()
        except Unavailable as error:
            if isinstance(error, StoreForgot):
                self._begin_anew()
            _log.warning("stopping with %d batches not committed, to be done again: %s", len(self._pending), error)
