"""``doorstep replay``: past interactions arrive as the events of as many visitors, once each."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from origin.cli import main
from tests.models import make_model
from tests.origin.pipeline import Pipeline, pipeline, wait_until

MODEL = make_model()
ROWS = [
    (f"v{n % 7}", MODEL.id(n), f"2025-11-20T10:{n // 60:02}:{n % 60:02}Z", "purchase" if n % 10 == 0 else "view")
    for n in range(120)
]


@pytest.fixture
def interactions(tmp_path: Path) -> Path:
    path = tmp_path / "clicks.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("visitor", "item", "time", "type"), *ROWS])
    return path


@pytest.fixture
def running(home: Path, tmp_path: Path) -> Iterator[Pipeline]:
    with pipeline(home, tmp_path) as parts:
        yield parts


def test_every_row_arrives_and_every_visitor_keeps_their_cookies(
    running: Pipeline, interactions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["replay", str(interactions), "--to", running.origin.url, "--speed", "60", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert (code, told["rows"], told["accepted"], told["given_up"]) == (0, 120, 120, 0)
    assert set(told["statuses"]) == {"POST 202", "GET 200"}
    assert "popular" not in told["layers"]
    client = running.client()
    wait_until(lambda: len(list(client.scan_iter("doorstep:p:*"))) == 7)


def test_an_edge_that_is_not_there_is_said_to_be(interactions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(interactions), "--to", "http://127.0.0.1:9"]) == 1
    assert "nobody answers at http://127.0.0.1:9" in capsys.readouterr().err
