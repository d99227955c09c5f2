"""The registry refuses what is bad, swaps at once, and survives full disks and crashes between its steps."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from origin.registry import Registry
from shared.errors import BadInput, BadModel
from shared.model import open_model
from tests.models import model_bytes
from tests.processes import ROOT

ONE, TWO, THREE = (model_bytes(seed, items=50) for seed in (1, 2, 3))
NAMES = [open_model(data).name for data in (ONE, TWO, THREE)]
RULES = '{"version":"v1","slots":{"home":{"filter":"price>0"}}}'


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "registry")


def test_nothing_is_in_force_before_the_first_publication(registry: Registry) -> None:
    assert registry.current() == ((), ())
    assert registry.names() == []
    assert registry.stamp() == (0, 0)


def test_publishes_rolls_back_and_publishes_again(registry: Registry) -> None:
    assert [registry.publish(data) for data in (ONE, TWO)] == NAMES[:2]
    assert registry.current().models == (NAMES[1], NAMES[0])
    assert registry.roll_back() == NAMES[0]
    assert registry.current().models == (NAMES[0],)
    assert registry.publish(TWO) == NAMES[1]
    assert registry.current().models == (NAMES[1], NAMES[0])
    assert registry.model_file(NAMES[1]).read_bytes() == TWO


def test_stamp_changes_with_every_publication(registry: Registry) -> None:
    stamps = [registry.stamp()]
    for data in (ONE, TWO):
        registry.publish(data)
        stamps.append(registry.stamp())
    assert len(set(stamps)) == 3


def test_there_must_be_something_to_roll_back_to(registry: Registry) -> None:
    registry.publish(ONE)
    with pytest.raises(BadInput, match="no model was in force before"):
        registry.roll_back()


@pytest.mark.parametrize("bad", [b"", ONE[:-1], ONE[:100] + b"x" + ONE[101:], b"x" * 1000])
def test_refuses_a_bad_model_and_keeps_the_current(registry: Registry, bad: bytes) -> None:
    registry.publish(ONE)
    with pytest.raises(BadModel):
        registry.publish(bad)
    assert registry.current().models == (NAMES[0],)
    assert registry.names() == [NAMES[0]]


def test_refuses_a_model_whose_table_points_outside(registry: Registry) -> None:
    with pytest.raises(BadModel, match="names an item"):
        registry.publish(model_bytes(items=50, sections={"ids.table": ("u32", b"\xff\xff\0\0" * 128)}))
    assert registry.names() == []


def test_refuses_a_model_without_a_field_that_the_rules_need(registry: Registry) -> None:
    registry.publish(ONE, RULES)
    with pytest.raises(BadModel, match="rules v1, slot home"):
        registry.publish(model_bytes(items=50, columns={}))
    assert registry.current() == ((NAMES[0],), ("v1",))


def test_model_and_rules_change_together(registry: Registry) -> None:
    registry.publish(ONE, RULES)
    assert registry.publish_rules('{"version":"v2"}') == "v2"
    assert registry.current() == ((NAMES[0],), ("v2", "v1"))
    with pytest.raises(BadInput, match="unknown field"):
        registry.publish_rules('{"version":"v3","slot":{}}')
    with pytest.raises(BadModel, match="brand"):
        registry.publish(TWO, '{"version":"v3","slots":{"*":{"filter":"brand=x"}}}')
    assert registry.current() == ((NAMES[0],), ("v2", "v1"))


def test_a_version_of_rules_means_one_text(registry: Registry) -> None:
    registry.publish_rules(RULES)
    registry.publish_rules(RULES)
    with pytest.raises(BadInput, match="already published"):
        registry.publish_rules('{"version":"v1"}')


def test_prunes_all_but_the_last_in_force(registry: Registry) -> None:
    for data in (ONE, TWO, THREE):
        registry.publish(data)
    (registry.folder / "models" / "leftover.partial").write_bytes(b"x")
    assert registry.prune(2) == [NAMES[0]]
    assert registry.names() == sorted(NAMES[1:])
    assert registry.roll_back() == NAMES[1]
    assert not list(registry.folder.rglob("*.partial"))


def test_says_that_the_pointer_is_damaged(registry: Registry) -> None:
    registry.publish(ONE)
    (registry.folder / "current.json").write_text('{"models":')
    with pytest.raises(BadModel, match="cannot be read"):
        registry.current()


PUBLISH = """
import resource, signal, sys
from pathlib import Path
from origin.registry import Registry
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
data = Path(sys.argv[2]).read_bytes()
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
Registry(Path(sys.argv[1])).publish(data)
"""


@pytest.mark.parametrize("room", [0, 1000, len(TWO) - 1])
def test_a_full_disk_changes_nothing(registry: Registry, tmp_path: Path, room: int) -> None:
    """The operating system refuses to write more than ``room`` bytes into a file, as a full disk does."""
    registry.publish(ONE)
    (tmp_path / "two").write_bytes(TWO)
    command = [sys.executable, "-c", PUBLISH, str(registry.folder), str(tmp_path / "two"), str(room)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "OSError" in done.stderr
    assert registry.current().models == (NAMES[0],)
    assert registry.names() == [NAMES[0]]
    assert registry.publish(TWO) == NAMES[1]


def test_a_crash_before_the_pointer_is_swapped_changes_nothing(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything a publication wrote before it died is there, but nothing names it."""
    registry.publish(ONE)

    class PowerCut(BaseException):
        pass

    def die(*_: object) -> None:
        raise PowerCut

    monkeypatch.setattr(registry, "_point", die)
    with pytest.raises(PowerCut):
        registry.publish(TWO)
    again = Registry(registry.folder)
    assert again.current().models == (NAMES[0],)
    assert again.names() == sorted(NAMES[:2])
    assert again.publish(THREE) == NAMES[2]
    assert json.loads((registry.folder / "current.json").read_text())["models"] == [NAMES[2], NAMES[0]]
