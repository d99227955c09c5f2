"""``doorstep import``: what becomes of the rows of CSV, Parquet and JSON lines, good and bad, in a real Redis."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redis

from origin.cli import main
from origin.eventlog.encoding import decode
from origin.eventlog.redis_archive import RedisArchive
from shared.events import Event

NOON = int(datetime(2024, 5, 1, 12, tzinfo=UTC).timestamp() * 1000)


class Import:
    """The command against an empty Redis."""

    def __init__(self, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._url = url
        self._capsys = capsys

    def __call__(self, *arguments: str | Path) -> dict[str, Any]:
        """What ``--json`` prints; ``exit`` is the exit code."""
        self._capsys.readouterr()
        code = main(["import", *map(str, arguments), "--json"])
        out, err = self._capsys.readouterr()
        return {"exit": code, **(json.loads(out) if out else json.loads(err))}

    def events(self, visitor: str) -> list[Event]:
        archive = RedisArchive(redis.Redis.from_url(self._url))
        try:
            return [decode(record.value) for record in archive.of(visitor)]
        finally:
            archive.close()


@pytest.fixture
def run(redis_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Import:
    monkeypatch.setenv("DOORSTEP_REDIS_URL", redis_url)
    monkeypatch.delenv("DOORSTEP_KAFKA_BOOTSTRAP", raising=False)
    return Import(redis_url, capsys)


def write(path: Path, text: str) -> Path:
    data = text.encode("utf-8", "surrogateescape")
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def test_csv_keeps_times_and_fields(run: Import, tmp_path: Path) -> None:
    rows = (
        "user_id;sku;timestamp;event_type;quantity;value;props\n"
        "7;A;2024-05-01 12:00:00;purchase;2;9.50;\n"
        f"7;B;{NOON + 1};add-to-cart;;;\n"
        f"7;;{NOON // 1000 + 1};custom;;;\n"
        f'7;C;2024-05-01T14:00:02+02:00;;;;"{{""a"":1}}"\n'
    )
    done = run(write(tmp_path / "past.csv.gz", rows))
    assert (done["exit"], done["read"], done["sent"], done["bad"]) == (0, 4, 3, 1)
    assert done["first"] == ["past.csv.gz, row 4: a custom event needs name"]
    assert [(e.type, e.item, e.time_ms, dict(e.details)) for e in run.events("7")] == [
        ("purchase", "A", NOON, {"quantity": 2, "value": 9.5}),
        ("cart", "B", NOON + 1, {}),
        ("view", "C", NOON + 2000, {"props": {"a": 1}}),
    ]


def test_json_lines_as_they_were_exported(run: Import, tmp_path: Path) -> None:
    lines = [
        {"id": "e1", "visitor": "v", "type": "search", "time": NOON, "query": "lamp"},
        {"id": "e2", "visitor": "v", "type": "rating", "time": NOON + 1, "item": "A", "rating": 4.5},
    ]
    text = "\n".join(["", json.dumps(lines[0]), "{not json", "[1]", '{"visitor":"v"}', json.dumps(lines[1])])
    done = run(write(tmp_path / "past.jsonl", text))
    assert (done["sent"], done["bad"], done["reasons"]) == (2, 3, {"bad_row": 2, "bad_file": 1})
    assert [row.split(":")[0] for row in done["first"]] == [f"past.jsonl, row {n}" for n in (3, 4, 5)]
    assert [(e.id, e.type, e.item, dict(e.details)) for e in run.events("v")] == [
        ("e1", "search", "", {"query": "lamp"}), ("e2", "rating", "A", {"rating": 4.5}),
    ]  # fmt: skip


def test_parquet_with_types_of_its_own(run: Import, tmp_path: Path) -> None:
    times = pa.array([datetime(2024, 5, 1, 12), None, datetime(2024, 5, 1, 13)], pa.timestamp("us"))  # noqa: DTZ001
    table = pa.table({"customer_id": [7.0, 8.0, None], "item": [1, 2, 3], "time": times, "value": [1.5, None, None]})
    pq.write_table(table, tmp_path / "past.parquet")
    done = run(tmp_path / "past.parquet", "--type", "cart")
    assert (done["sent"], done["reasons"]) == (1, {"bad_time": 1, "bad_visitor": 1})
    assert [(e.type, e.item, e.time_ms, dict(e.details)) for e in run.events("7")] == [
        ("cart", "1", NOON, {"value": 1.5})
    ]


def test_a_bad_row_costs_the_others_nothing(run: Import, tmp_path: Path) -> None:
    rows = [
        "visitor,item,time,type",
        f"v,A,{NOON},view",
        f"v,\udcff\udcfe,{NOON},view",  # not UTF-8
        f"v,A,{NOON},view,more",
        "v,A,yesterday,view",
        f"v,A,{NOON * 3},view",  # in the future
        f",A,{NOON},view",
        f"v,A,{NOON},dance",
        "",
        f"v,{'x' * 200_000},{NOON},view",
        f"v,B,{NOON},VIEW",
    ]
    done = run(write(tmp_path / "past.csv", "\n".join(rows)))
    assert (done["exit"], done["read"], done["sent"], done["bad"]) == (0, 9, 2, 7)
    numbers = [int(row.split("row ")[1].split(":")[0]) for row in done["first"]]
    assert numbers == [3, 4, 5, 6, 7, 8, 10]
    assert [e.item for e in run.events("v")] == ["A", "B"]


def test_rows_that_agree_are_events_of_their_own_and_the_same_ones_each_time(run: Import, tmp_path: Path) -> None:
    path = write(tmp_path / "past.csv", f"visitor,item,time\n{f'v,A,{NOON}{chr(10)}' * 3}v,B,{NOON}\n")
    run(path)
    first = [event.id for event in run.events("v")]
    assert len(set(first)) == 4
    run(path)
    assert [event.id for event in run.events("v")] == first * 2


def test_columns_may_be_named(run: Import, tmp_path: Path) -> None:
    path = write(tmp_path / "past.txt", f"who,what,when\nv,A,{NOON}\n")
    assert run(path)["exit"] == 2
    named = ("--visitor-column", "who", "--item-column", "what", "--time-column", "when")
    assert run(path, *named, "--format", "csv")["sent"] == 1


def test_many_rows_of_one_visitor_are_many_events(run: Import, tmp_path: Path) -> None:
    rows = "".join(f"v,i{n},{NOON + n}\n" for n in range(1234))
    assert run(write(tmp_path / "past.csv", "visitor,item,time\n" + rows))["sent"] == 1234
    assert [e.item for e in run.events("v")] == [f"i{n}" for n in range(1234)]


@pytest.mark.parametrize(("name", "data"), [("a.parquet", b"no"), ("a.csv.gz", b"no"), ("a.csv", b"")])
def test_a_file_that_is_none_is_named(run: Import, tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    done = run(tmp_path / name)
    assert (done["exit"], done["detail"][: len(name)]) == (2, name)


def test_without_a_log_it_says_what_is_missing(run: Import, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOORSTEP_REDIS_URL")
    done = run(write(tmp_path / "past.csv", f"visitor,item,time\nv,A,{NOON}\n"))
    assert (done["exit"], done["detail"][-9:]) == (2, "names one")


def test_for_people_it_prints_a_summary(run: Import, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "past.csv", f"visitor,item,time\nv,A,{NOON}\nv,[red]A,never\n")
    assert main(["import", str(path)]) == 0
    out = capsys.readouterr().out
    assert "2 rows read, 1 events sent, 1 bad rows" in out
    assert "past.csv, row 3: is not a time: 'never'" in out
