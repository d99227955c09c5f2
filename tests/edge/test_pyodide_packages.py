"""The edge as wheels: a stock Pyodide in Node loads them by their lock and answers as the origin does."""

import hashlib
import importlib.util
import json
import re
import zipfile
from pathlib import Path

import pytest

from origin.cli import main
from origin.commands.build_edge import PACKAGES, ROOT
from origin.numpy_kernel import NumpyKernel
from origin.pyodide_packages import NAME, write_packages
from shared.answer import Question, render
from shared.decision import Decider
from shared.model import open_model
from shared.rules import NO_RULES
from tests.edge.conftest import node

pytestmark = pytest.mark.usefixtures("built")  # which skips without Node's packages, or fails in CI
LOADER = Path(__file__).with_name("pyodide_packages.mjs")


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("packages")
    write_packages(out, root=ROOT, requires=PACKAGES)
    return out


def locked(packages: Path) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads((packages / "pyodide-lock.json").read_text("utf-8"))["packages"]
    return found


@pytest.mark.parametrize("clicks", [0, 3])
def test_pyodide_answers_as_the_origin(packages: Path, model_file: Path, clicks: int) -> None:
    decider = Decider(NumpyKernel(open_model(model_file.read_bytes())), NO_RULES)
    popular = json.loads(render(decider.popular(Question(n=clicks or 1))))
    history = [item["id"] for item in popular["items"]][:clicks]
    done = node(str(LOADER), str(ROOT), str(packages), str(model_file), json.dumps(history))
    assert done.returncode == 0, done.stderr[-2000:]
    answer = json.loads(done.stdout)
    assert len(answer["items"]) == 10
    assert answer == json.loads(render(decider.decide(Question(n=10), history)))


def test_the_lock_names_every_wheel_and_what_it_needs(packages: Path) -> None:
    found = locked(packages)
    assert set(found) == {NAME, *PACKAGES}
    assert set(found[NAME]["depends"]) == set(PACKAGES)
    for package in found.values():
        wheel = (packages / package["file_name"]).read_bytes()
        assert hashlib.sha256(wheel).hexdigest() == package["sha256"]


def test_the_wheels_hold_python_and_licences(packages: Path) -> None:
    for wheel in packages.glob("*.whl"):
        names = zipfile.ZipFile(wheel).namelist()
        assert any(re.search(r"licenses/.*(LICENSE|COPYING)", name) for name in names)
        assert [name for name in names if not name.endswith(".py") and ".dist-info/" not in name] == []


def test_the_same_sources_make_the_same_bytes(packages: Path, tmp_path: Path) -> None:
    write_packages(tmp_path, root=ROOT, requires=PACKAGES)
    write_packages(tmp_path, root=ROOT, requires=PACKAGES)
    assert locked(tmp_path) == locked(packages)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no-such-package"):
        write_packages(tmp_path, root=ROOT, requires=["no-such-package"])
    with pytest.raises(FileNotFoundError, match=r"pyodide-lock\.json"):
        write_packages(tmp_path, root=tmp_path, requires=PACKAGES)


@pytest.mark.skipif(importlib.util.find_spec("pyodide_build") is None, reason="pyodide-build needs Python 3.12")
def test_the_index_leads_to_the_wheels(packages: Path) -> None:
    for name, package in locked(packages).items():
        page = packages / "package_index" / name / "index.html"
        (link,) = re.findall(r'href="([^"#]+)#sha256=([0-9a-f]{64})"', page.read_text("utf-8"))
        assert (page.parent / link[0]).resolve() == (packages / package["file_name"]).resolve()
        assert link[1] == package["sha256"]


def test_build_edge_writes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build-edge", "--out", str(tmp_path / "edge"), "--wheels", str(tmp_path / "wheels")]) == 0
    assert set(locked(tmp_path / "wheels")) == {NAME, *PACKAGES}
    assert str(tmp_path / "wheels") in capsys.readouterr().out
