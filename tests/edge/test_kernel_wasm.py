"""The SIMD kernel equals the reference, inside workerd and under Pyodide in Node: golden vectors and any other case."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.selftest import solve
from origin.commands.build_edge import ROOT
from shared.kernels import LIMIT, MAX_HISTORY, MAX_TOP, Kernel, PythonKernel
from shared.model import MISSING, open_model
from tests.edge.conftest import Edge, node
from tests.kernel_vectors import MODELS, model_file, short
from tests.vectors import VECTORS

GOLDEN = json.loads((VECTORS / "kernel.json").read_text("utf-8"))
INT32 = st.integers(MISSING, 2**31 - 1)


def golden(index: int) -> list[dict[str, Any]]:
    return [case for case in GOLDEN["cases"] if case["model"] == index]


def check(cases: list[dict[str, Any]], answers: list[dict[str, Any]]) -> None:
    assert len(cases) == len(answers)
    for case, answer in zip(cases, answers, strict=True):
        assert short(answer) == {"top": case["top"], "sha256": case["sha256"]}, case


class InWorkerd:
    """Kernels inside the worker."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._names: dict[int, str] = {}

    def __call__(self, index: int, cases: list[dict[str, Any]]) -> Any:
        if index not in self._names:
            self._names[index] = self._post("/test/model", model_file(index)).text
        return self._post("/test/kernel", json.dumps({"model": self._names[index], "cases": cases}).encode()).json()

    def _post(self, path: str, body: bytes) -> httpx.Response:
        response = self._client.post(path, content=body)
        assert response.status_code == 200, response.text
        return response


@pytest.fixture(scope="module")
def in_workerd(edge: Edge) -> Iterator[InWorkerd]:
    with httpx.Client(base_url=edge.url, timeout=60) as client:
        yield InWorkerd(client)


def test_the_vectors_are_those_of_the_models() -> None:
    assert GOLDEN["models"] == MODELS
    assert {case["model"] for case in GOLDEN["cases"]} == set(range(len(MODELS)))


@pytest.mark.parametrize("index", range(len(MODELS)))
def test_reference(index: int) -> None:
    kernel = PythonKernel(open_model(model_file(index)))
    check(golden(index), [solve(kernel, case) for case in golden(index)])


@pytest.mark.parametrize("index", range(len(MODELS)))
def test_workerd(in_workerd: InWorkerd, index: int) -> None:
    check(golden(index), in_workerd(index, golden(index)))


def test_pyodide_in_node(bundle: Path, tmp_path: Path) -> None:
    for index in range(len(MODELS)):
        (tmp_path / f"model-{index}.bin").write_bytes(model_file(index))
        (tmp_path / f"asked-{index}.json").write_text(json.dumps(golden(index)))
    script = Path(__file__).with_name("pyodide_kernel.mjs")
    done = node(str(script), str(ROOT), str(Path(msgpack.__file__).parent), str(tmp_path))
    assert done.returncode == 0, done.stderr[-2000:]
    for index in range(len(MODELS)):
        check(golden(index), json.loads((tmp_path / f"answered-{index}.json").read_text()))


@st.composite
def batches(draw: st.DrawFn) -> tuple[int, list[dict[str, Any]]]:
    """A small model and some questions to it."""
    index = draw(st.sampled_from([0, 1, 2, 6, 7]))
    item = st.integers(0, MODELS[index]["items"] - 1)
    return index, [draw(_case(item)) for _ in range(8)]


@st.composite
def _case(draw: st.DrawFn, item: st.SearchStrategy[int]) -> dict[str, Any]:
    clicks = draw(st.lists(item, max_size=MAX_HISTORY, unique=True))

    def each(strategy: st.SearchStrategy[Any]) -> list[Any]:
        return [draw(strategy) for _ in clicks]

    extremes = st.sampled_from([0, 1, 255, 256, 65535]) | st.integers(0, 65535)
    revisits = st.tuples(extremes, st.sampled_from([0, LIMIT]) | st.integers(0, LIMIT))
    query = [clicks, each(extremes), each(revisits), each(st.integers(0, 255))]
    ranges = st.lists(st.tuples(INT32 | st.integers(-1, 2000), INT32 | st.integers(-1, 2000)), max_size=4)
    term = st.tuples(st.sampled_from(["category", "price"]), ranges, st.booleans())
    terms = draw(st.none() | st.lists(term, max_size=3))
    return {"query": query, "terms": terms, "k": draw(st.integers(1, 60) | st.just(MAX_TOP))}


REFERENCES: dict[int, Kernel] = {}


@settings(max_examples=40, deadline=None)
@given(batches())
def test_any_case(in_workerd: InWorkerd, batch: tuple[int, list[dict[str, Any]]]) -> None:
    index, cases = batch
    reference = REFERENCES.setdefault(index, PythonKernel(open_model(model_file(index))))
    assert in_workerd(index, cases) == [solve(reference, case) for case in cases]
