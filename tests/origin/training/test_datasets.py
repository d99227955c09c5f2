"""Anybody's file: what is read, what is dropped, and what a bad one is told."""

import gzip
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from origin.training.datasets import IDLE_MS, Columns, cut_sessions, read_dataset
from shared.errors import BadInput

NOW_MS = 1_700_000_000_000
GOOD = "visitor,item,time\nv,a,1600000000\nv,b,1600000060\n"


def read(folder: Path, text: str | bytes, name: str = "events.csv", **options: Any) -> Any:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_dataset(path, now_ms=NOW_MS, **options)


def sessions_of(dataset: Any) -> list[list[str]]:
    events, ends = dataset.sessions
    ids = dataset.catalogue.ids
    return [[ids[i] for i in events[a:b]] for a, b in pairwise(ends)]


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "User_ID;Product ID;Timestamp\nv;a;1600000000000\nv;b;1600000060000\n",
        "\ufeffitem\ttime\tsession_id\na\t2020-09-13T12:26:40\ts\nb\t2020-09-13T12:27:40Z\ts\n",
        "item,time,session\na,2020-09-13 12:26:40,s\nb,2020-09-13 12:27:40,s\n",
        "item,time,session\nb,2020-09-13T14:27:40+02:00,s\na,2020-09-13,s\n",
    ],
)
def test_names_delimiters_and_times_that_are_understood(tmp_path: Path, text: str) -> None:
    assert sessions_of(read(tmp_path, text)) == [["a", "b"]]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"", "events.csv: the file is empty"),
        ("visitor,item,time\n", "has a header but no rows"),
        ("visitor,time\nv,1600000000\n", "column item is missing"),
        ("visitor,item\nv,a\n", "column time is missing"),
        ("item,time\na,1600000000\n", "column visitor or session is missing"),
        ("visitor,item,time\nv,a,1600000000\nv,b,yesterday\n", "column time, row 3: is not a time: 'yesterday'"),
        ("visitor,item,time\nv,a,2020-01-01\nv,b,\n", "column time, row 3: is not a time: ''"),
        ("visitor,item,time\nv,a,1600000000\nv,b,-5\n", "column time, row 3: is not a time: '-5'"),
        ("visitor,item,time\nv,a,1600000000\nv,b,1700086401\n", "column time, row 3: lies in the future: '1700086401'"),
        ("visitor,item,time\nv,a,1600000000\nv,a,1600000001\n", "1 item(s) are left; a model needs at least 2"),
        ('visitor,item,time\nv,a,1600000000\nv,"b,c",1600000000\n', "column item, row 3: an item id has no comma"),
        ("visitor,item,time\nv,a\x07,1600000000\nv,b,1600000000\n", "column item, row 2: an item id has no comma"),
        (f"visitor,item,time\nv,{'x' * 65},1600000000\nv,b,1\n", "column item, row 2: an item id has no comma"),
        (b"visitor,item,time\nv,a,1600000000\nv,\xff\xfe,1600000000\n", "row 3 is not UTF-8"),
        ("visitor,item,time\nv,a,1600000000\nv,b,1,2,3\n", "row 3 has 5 fields where the header has 3"),
    ],
)
def test_bad_files_are_told_where(tmp_path: Path, text: str | bytes, complaint: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(tmp_path, text)
    assert caught.value.code == "bad_file"
    assert complaint in caught.value.detail
    assert "events.csv" in caught.value.detail


@pytest.mark.parametrize("name", ["events.csv.gz", "events.parquet", "events.parquet.gz"])
def test_files_that_are_not_what_their_suffix_says(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match=name):
        read(tmp_path, b"\x00\x01 neither gzip nor parquet \xff", name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no such file"):
        read_dataset(tmp_path / "nowhere.csv", now_ms=NOW_MS)


def test_columns_may_be_named(tmp_path: Path) -> None:
    text = "who,what,when\nv,a,1600000000\nv,b,1600000060\n"
    columns = Columns(visitor="who", item="what", time="when")
    assert sessions_of(read(tmp_path, text, columns=columns)) == [["a", "b"]]
    with pytest.raises(BadInput, match="no column 'whom'; it has who, what, when"):
        read(tmp_path, text, columns=columns._replace(visitor="whom"))


def test_order_duplicates_and_what_is_dropped(tmp_path: Path) -> None:
    text = (
        "visitor,item,time,type\nv,b,1600000060,view\nv,a,1600000000,view\nv,a,1600000000,view\nv,a,1600000000,cart\n"
        "v,,1600000000,view\n,c,1600000000,view\nv,c,1600000000,Remove_From_Cart\nw,b,1500000000,click\n"
    )
    dataset = read(tmp_path, text)
    assert sessions_of(dataset) == [["b"], ["a", "a", "b"]]
    assert dataset.dropped == {
        "without item": 1, "without visitor and session": 1, "type shows no interest": 1, "duplicate": 1,
    }  # fmt: skip


def test_titles_items_and_fields(tmp_path: Path) -> None:
    items = tmp_path / "items.csv"
    items.write_text(
        "item,title,price,category,colour,stock,note\na,Alpha,1.50,mugs,red,3,x1\nb,,2,,red,4,x2\nc,Gamma,,bags,blue,,x3\n"
        "d,Delta,9.99,bags,blue,7,x4\n"
    )
    catalogue = read(tmp_path, GOOD.replace("time\n", "time\n"), items=items).catalogue
    assert list(catalogue.ids) == ["a", "b", "c", "d"]
    assert list(catalogue.cards) == [
        '"title":"Alpha","price":1.5,"category":"mugs"',
        '"price":2.0',
        '"title":"Gamma","category":"bags"',
        '"title":"Delta","price":9.99,"category":"bags"',
    ]
    missing = -(2**31)
    assert {name: (c.values.tolist(), c.scale, c.words) for name, c in catalogue.columns.items()} == {
        "category": ([1, missing, 0, 0], 0, ("bags", "mugs")),
        "colour": ([1, 1, 0, 0], 0, ("blue", "red")),
        "price": ([150, 200, missing, 999], 100, ()),
        "stock": ([3, 4, missing, 7], 1, ()),
    }


def test_a_price_that_is_none_is_told(tmp_path: Path) -> None:
    items = tmp_path / "items.csv"
    items.write_text("item,price\na,1\nb,cheap\n")
    with pytest.raises(BadInput, match=r"items.csv: column price, row 3: is not a number: 'cheap'"):
        read(tmp_path, GOOD, items=items)


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_parquet_with_its_own_types(tmp_path: Path, unit: str) -> None:
    stamps = pa.array(np.array(["2020-09-13T12:26:40", "2020-09-13T12:27:40"], "datetime64[us]")).cast(
        pa.timestamp(unit)
    )
    table = pa.table({"user_id": [7, 7], "item_id": [11, 12], "timestamp": stamps})
    pq.write_table(table, tmp_path / "events.parquet")
    assert sessions_of(read_dataset(tmp_path / "events.parquet", now_ms=NOW_MS)) == [["11", "12"]]


@pytest.mark.parametrize("values", [[1.5, 2.5], [[1], [2]], [True, False]])
def test_parquet_items_of_the_wrong_type(tmp_path: Path, values: list[Any]) -> None:
    pq.write_table(pa.table({"user": ["v", "v"], "item": values, "time": [1, 2]}), tmp_path / "events.parquet")
    with pytest.raises(BadInput, match=r"column item, row 1: needs text or whole numbers"):
        read_dataset(tmp_path / "events.parquet", now_ms=NOW_MS)


@given(
    st.lists(
        st.tuples(st.integers(-1, 3), st.integers(-1, 3), st.integers(0, 5).map(lambda n: n * IDLE_MS // 2)),
        min_size=1, max_size=60,
    )
)  # fmt: skip
def test_sessions_hold_every_row_once_and_never_mix(rows: list[tuple[int, int, int]]) -> None:
    people, visits, times = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    order, ends = cut_sessions(people, visits, times)
    assert sorted(order.tolist()) == list(range(len(rows)))
    lasts = []
    for a, b in pairwise(ends):
        mine = [rows[i] for i in order[a:b]]
        assert len({(p, v) for p, v, _ in mine}) == 1
        steps = np.diff([t for _, _, t in mine])
        assert (steps >= 0).all()
        if mine[0][1] < 0:
            assert (steps <= IDLE_MS).all()
        lasts.append(mine[-1][2])
    assert lasts == sorted(lasts)


@given(st.binary(max_size=300))
def test_any_bytes_either_read_or_are_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "events.csv"
    path.write_bytes(b"visitor,item,time\n" + data)
    told, dataset = "", None
    try:
        dataset = read_dataset(path, now_ms=NOW_MS)
    except BadInput as error:
        told = error.detail
    assert "events.csv" in told if dataset is None else dataset.sessions.ends[-1] == len(dataset.sessions.events)


def test_gzip_is_read(tmp_path: Path) -> None:
    assert sessions_of(read(tmp_path, gzip.compress(GOOD.encode()), "events.csv.gz")) == [["a", "b"]]
