"""The program ``doorstep``: its help, its files, its exit codes."""

import json
from pathlib import Path

import pytest

from origin.cli import build_parser, main
from shared.model import open_model

HEADER = "user_id,item_id,timestamp,title\n"


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Forty sessions around a ring of ten items."""
    lines = [
        f"u{s},i{(s + k) % 10},{1_600_000_000 + 86_400 * s + 60 * k},Thing {k}\n" for s in range(40) for k in range(4)
    ]
    path = tmp_path / "events.csv"
    path.write_text(HEADER + "".join(lines))
    return path


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    parser = build_parser()
    commands = next(a.choices for a in parser._actions if hasattr(a, "choices") and a.choices)
    assert {"train", "evaluate"} <= set(commands)
    for command in commands:
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0
        assert f"doorstep {command}" in capsys.readouterr().out


def test_train_writes_a_model_and_accounts_for_it(
    events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "shop.doorstep"
    assert main(["train", "--interactions", str(events), "--out", str(out), "--dims", "32"]) == 0
    model = open_model(out.read_bytes())
    assert (model.items, model.dims) == (10, 32)
    assert [p.name for p in out.parent.iterdir()] == ["shop.doorstep"]
    shown = capsys.readouterr()
    assert model.name in shown.out
    assert "160 events in 40 sessions, 10 items" in shown.err


def test_train_in_json(events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "shop.doorstep"
    assert main(["train", "--interactions", str(events), "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["bytes"] == out.stat().st_size
    assert told["model"] == open_model(out.read_bytes()).name
    assert told["sessions"] == 40


def test_evaluate_trains_on_the_earlier_part(events: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--interactions", str(events), "--json", "-k", "3"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["protocol"].startswith("next-item")
    assert told["questions"] == 12
    assert set(told["results"]) == {"doorstep", "co-occurrence", "popularity"}
    assert told["results"]["doorstep"]["hit_rate"] > 0.9


def test_evaluate_measures_a_model_file(events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "shop.doorstep"
    main(["train", "--interactions", str(events), "--out", str(out), "--json"])
    capsys.readouterr()
    asked = ["evaluate", "--interactions", str(events), "--model", str(out)]
    assert main([*asked, "--test", str(events), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["questions"] == 120
    assert told["model"] == open_model(out.read_bytes()).name
    assert main(asked) == 0
    assert "HR@20" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["train", "--interactions", "nowhere.csv"], "nowhere.csv: there is no such file"),
        (["evaluate", "--protocol", "sr-gnn"], "--protocol sr-gnn needs --interactions and --test"),
        (["evaluate", "--protocol", "serenade", "--interactions", "x"], "needs --interactions and --test"),
    ],
)
def test_wrong_input_is_told_in_a_line(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert complaint in told
    assert "Traceback" not in told
    assert main([*arguments, "--json"]) == 2
    assert complaint in json.loads(capsys.readouterr().err)["detail"]


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["train", "--dims", "20"], ["evaluate", "--test-share", "2"]])
def test_wrong_usage_ends_with_two(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
