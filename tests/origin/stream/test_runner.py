"""The runner on the log in memory: what is done in which order, and what happens while a part is away."""

import threading
from collections.abc import Callable, Sequence

import pytest

from origin.eventlog.base import Position, Record
from origin.eventlog.memory import MemoryConsumer, MemoryLog
from origin.profiles.base import StoreForgot, Write
from origin.profiles.memory import MemoryProfiles
from origin.stream.erase import Erasure
from origin.stream.runner import Flood, Runner
from origin.stream.status import Status
from shared.errors import Unavailable
from shared.events import ERASE, MERGE_OUT, Event, to_record
from shared.profile import Profile

NOW_MS = 1_732_100_000_000


def view(n: int, visitor: str = "anna", item: str = "") -> Event:
    return Event(f"e{n}", visitor, "view", NOW_MS + n * 1000, item or f"i{n}")


class Store(MemoryProfiles):
    """Writes are safe only when the test says so; it can forget what is not."""

    def __init__(self, actions: list[str]) -> None:
        super().__init__()
        self.actions = actions
        self.safe_calls: int | None = None
        self.forgot = False
        self.calls = 0

    def write(self, writes: Sequence[Write]) -> list[bool]:
        self.actions.append("write")
        self.calls += 1
        return super().write(writes)

    def safe(self) -> int:
        if self.forgot:
            self.forgot, self.calls = False, 0
            raise StoreForgot("store_forgot", "started anew")
        return self.calls if self.safe_calls is None else min(self.calls, self.safe_calls)

    def crash(self) -> None:
        """As if started anew from nothing."""
        self._values.clear()
        self.forgot = True


class Dead:
    """Dead letters in a list."""

    def __init__(self, actions: list[str]) -> None:
        self.actions = actions
        self.letters: list[tuple[Record, str]] = []
        self.before: list[int] = []

    def add_all(self, letters: Sequence[tuple[Record, str]]) -> None:
        self.actions.append("dead")
        self.letters += letters

    def since(self, time_ms: int, most: int) -> list[int]:
        return self.before


class Eraser:
    def __init__(self, actions: list[str]) -> None:
        self.actions = actions
        self.erased: list[Erasure] = []
        self.away = False

    def erase(self, erasure: Erasure, now_ms: int) -> None:
        if self.away:
            raise Unavailable("audit_unavailable", "away")
        self.actions.append("erase")
        self.erased.append(erasure)


class Consumer(MemoryConsumer):
    """Says what it does."""

    def __init__(self, log: MemoryLog, actions: list[str]) -> None:
        self.actions = actions
        super().__init__(log)

    def poll(self, most: int, timeout_s: float) -> Sequence[Record]:
        return super().poll(most, 0)

    def commit(self, done: dict[int, Position]) -> None:  # type: ignore[override]
        super().commit(done)
        self.actions.append("commit")

    def append(self, events: Sequence[Event]) -> None:
        super().append(events)
        self.actions.append("send")


class Setup:
    def __init__(self, *, flood: int = 100, batch: int = 100, partitions: int = 1) -> None:
        self.actions: list[str] = []
        self.log = MemoryLog(partitions=partitions, clock_ms=lambda: NOW_MS)
        self.store = Store(self.actions)
        self.dead = Dead(self.actions)
        self.eraser = Eraser(self.actions)
        self.consumer = Consumer(self.log, self.actions)
        self.status = Status("test", 1, NOW_MS)
        self.stop = threading.Event()
        self.turns: Callable[[], None] = lambda: None
        self.runner = Runner(
            self.consumer, self.store, self.dead, self.eraser, self.status, batch=batch, flood=flood, stop=self.stop,
            clock_ms=lambda: NOW_MS + 10**8, tend=self.tend,
        )  # fmt: skip

    def tend(self) -> None:
        self.turns()

    def send(self, *events: Event) -> None:
        self.log.put(self.log.encode(events))

    def profile(self, visitor: str = "anna") -> Profile:
        (stored,) = self.store.get_many([visitor])
        assert stored
        return stored.profile


def test_folds_writes_and_commits() -> None:
    setup = Setup()
    setup.send(view(1), view(2, "bert"), view(3), view(3))
    setup.runner.turn()
    assert setup.profile().items == ("i3", "i1")
    assert setup.profile("bert").items == ("i2",)
    assert setup.actions == ["write", "commit"]
    assert (setup.status.folded, setup.status.duplicates, setup.status.pushes, setup.status.committed) == (3, 1, 2, 4)
    assert setup.consumer.lag() == {0: 0}


def test_dead_letters_and_sends_go_before_the_write_and_the_commit_last() -> None:
    setup = Setup()
    setup.send(view(1))
    setup.log.put([("anna", b"\xc1")])
    setup.send(Event("m", "anna", MERGE_OUT, NOW_MS, details={"into": "bert"}), view(2))
    setup.runner.turn()
    assert setup.actions == ["dead", "send", "write", "commit"]
    setup.runner.turn()
    assert setup.profile("bert").items == ("i2", "i1")
    assert setup.profile().into == "bert"
    assert [reason.split(":")[0] for _, reason in setup.dead.letters] == ["bad_record"]


def test_commits_only_what_is_safe() -> None:
    setup = Setup(batch=1)
    setup.store.safe_calls = 0
    setup.send(view(1), view(2), view(3))
    for _ in range(3):
        setup.runner.turn()
    assert setup.profile().events == 3
    assert setup.consumer.lag() == {0: 3}
    setup.store.safe_calls = 2
    setup.runner.turn()
    assert setup.consumer.lag() == {0: 1}


def test_a_store_that_forgot_gets_everything_again() -> None:
    setup = Setup(batch=2)
    setup.store.safe_calls = 1
    setup.send(*(view(n) for n in range(6)))
    for _ in range(3):
        setup.runner.turn()
    assert setup.consumer.lag() == {0: 4}
    kept = setup.store._values.copy()
    setup.store.crash()
    with pytest.raises(StoreForgot):
        setup.runner.turn()
    assert kept
    setup.store.safe_calls = None
    for _ in range(3):
        setup.runner.turn()
    assert setup.profile().items == ("i5", "i4", "i3", "i2"), "what was committed was safe, or the store lied"
    assert setup.consumer.lag() == {0: 0}


def test_replayed_records_change_nothing() -> None:
    setup = Setup()
    setup.store.safe_calls = 0
    setup.send(view(1), view(2))
    setup.runner.turn()
    before = setup.profile()
    setup.consumer.rewind()
    setup.runner.turn()
    assert setup.profile() == before
    assert setup.status.folded == 2


@pytest.mark.parametrize("part", ["log", "store"])
def test_what_is_away_is_waited_for_and_nothing_is_read_meanwhile(part: str) -> None:
    setup = Setup(batch=1)
    away: MemoryLog | Store = setup.log if part == "log" else setup.store
    setup.send(view(1), view(2))
    away.away = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            setup.runner.turn()
    assert setup.log.committed == [-1]
    away.away = False
    setup.runner.turn()
    assert (setup.profile().events, setup.status.folded) == (1, 1)
    setup.runner.turn()
    assert setup.profile().events == 2


def test_waits_longer_and_longer_and_not_busily() -> None:
    setup = Setup()
    setup.log.away = True
    waits: list[float] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout or 0)
            if len(waits) == 9:
                self.set()
            return self.is_set()

    setup.runner._stop = Stop()
    setup.runner.run()
    assert waits == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2, 2, 2]
    assert setup.status.last_error == {"code": "log_unavailable", "time_ms": NOW_MS + 10**8}


def test_poison_does_not_stop_the_others() -> None:
    setup = Setup()
    setup.log.put([("anna", b"\xc1")])
    setup.send(view(1), view(2)._replace(item="a,b"), view(3))
    setup.send(view(4)._replace(details={"hops": 4}))
    setup.log.put([("elsewhere", to_record(view(5)._replace(details={"hops": 4})))])
    setup.runner.turn()
    assert setup.profile().items == ("i4", "i3", "i1")
    reasons = [reason.split(":")[0] for _, reason in setup.dead.letters]
    assert reasons == ["bad_record", "too_many_hops", "bad_item"]
    assert setup.consumer.lag() == {0: 0}


def test_an_event_under_another_key_is_sent_to_its_own_partition() -> None:
    setup = Setup()
    setup.log.put([("elsewhere", to_record(view(1)))])
    setup.runner.turn()
    setup.runner.turn()
    assert setup.profile().items == ("i1",)


def test_a_profile_that_cannot_be_written_down_costs_the_others_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    import origin.stream.batch as batch

    real = batch.step

    def broken(profile: Profile, event: Event, now_ms: int) -> object:
        after = real(profile, event, now_ms)
        return after._replace(profile=profile._replace(value=2**70)) if event.visitor == "bert" else after

    monkeypatch.setattr(batch, "step", broken)
    setup = Setup()
    setup.send(view(1), view(2, "bert"), view(3, "bert"))
    setup.runner.turn()
    assert setup.profile().items == ("i1",)
    assert [reason.split(":")[0] for _, reason in setup.dead.letters] == ["bad_profile"] * 2
    assert setup.store.get_many(["bert"]) == [None]


def test_a_flood_stops_it_and_nothing_behind_is_touched() -> None:
    setup = Setup(flood=5)
    setup.send(view(1))
    setup.log.put([("anna", b"\xc1")] * 20)
    setup.send(view(2))
    with pytest.raises(Flood):
        setup.runner.run()
    assert len(setup.dead.letters) == 5
    assert setup.profile().items == ("i1",)
    assert setup.consumer.lag() == {0: 16}


def test_a_flood_is_remembered_by_whoever_runs_next() -> None:
    setup = Setup(flood=5)
    setup.dead.before = [NOW_MS + 10**8] * 5
    setup.send(view(1))
    setup.log.put([("anna", b"\xc1")] * 20)
    with pytest.raises(Flood):
        setup.runner.run()
    assert setup.dead.letters == []
    assert setup.consumer.lag() == {0: 20}


def test_an_erasure_ends_when_the_empty_profile_is_safe_and_before_the_commit() -> None:
    setup = Setup()
    setup.store.safe_calls = 0
    setup.send(view(1), Event("receipt", "anna", ERASE, NOW_MS), view(2))
    setup.runner.turn()
    assert setup.profile().items == ("i2",)
    assert setup.eraser.erased == []
    setup.store.safe_calls = None
    setup.eraser.away = True
    with pytest.raises(Unavailable):
        setup.runner.turn()
    setup.eraser.away = False
    setup.runner.turn()
    assert setup.actions == ["write", "erase", "commit"]
    (source,) = [partition.source for partition in setup.log.partitions]
    assert setup.eraser.erased == [Erasure("anna", "receipt", Position(source, 1))]


def test_what_is_lost_is_not_committed() -> None:
    setup = Setup(partitions=2)
    setup.store.safe_calls = 0
    setup.send(*(view(n, f"visitor {n}") for n in range(20)))
    setup.runner.turn()
    other = setup.log.consumer()
    setup.store.safe_calls = None
    setup.runner.turn()
    assert min(setup.log.committed) == -1
    assert max(setup.log.committed) > 0
    assert sum(other.lag().values()) > 0


def test_stops_gracefully() -> None:
    setup = Setup()
    setup.store.safe_calls = 0
    setup.send(view(1))

    def turns() -> None:
        setup.store.safe_calls = None
        setup.stop.set()

    setup.turns = turns
    setup.runner.run()
    assert setup.consumer.lag() == {0: 0}
