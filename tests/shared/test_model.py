"""The artifact: golden bytes in both directions, refusals, and every id found again."""

import base64
import json
from array import array
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import BadModel
from shared.model import ALIGN, audit, open_model
from tests.models import BLEND, make_model, model_bytes
from tests.vectors import VECTORS, encoded

GOLDEN = json.loads((VECTORS / "model.json").read_text(encoding="utf-8"))


def test_golden_model_is_written_byte_for_byte() -> None:
    assert encoded(GOLDEN["model"]) == base64.b64decode(GOLDEN["base64"])


def test_golden_model_is_read_field_by_field() -> None:
    model = open_model(base64.b64decode(GOLDEN["base64"]))
    audit(model)
    described = GOLDEN["model"]
    assert (model.version, model.items, model.dims) == ("golden", 3, 16)
    assert model.blend == BLEND
    assert model.columns == described["columns"]
    assert model.about == described["about"]
    for name, (_, values) in described["sections"].items():
        assert model.sections[name].tolist() == values
    assert [model.id(i) for i in range(3)] == ["85123A", "22423", "čaj"]
    assert [model.find(i) for i in ("85123A", "22423", "čaj", "nobody", "")] == [0, 1, 2, -1, -1]
    assert model.card(1) == '"id":"22423","title":"Čaj"'
    assert model.card(2) == '"id":"čaj"'
    assert model.name.startswith("golden-")


@pytest.mark.parametrize("case", GOLDEN["malformed"], ids=lambda case: case["name"])
def test_malformed_model_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(BadModel) as refused:
        open_model(base64.b64decode(case["base64"]))
    assert refused.value.code == case["code"]
    assert case["code"] in str(refused.value)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_with_our_error(data: bytes) -> None:
    with pytest.raises(BadModel):
        open_model(data)


@settings(max_examples=200)
@given(st.data())
def test_any_altered_byte_is_noticed(data: st.DataObject) -> None:
    whole = bytearray(base64.b64decode(GOLDEN["base64"]))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(BadModel):
        open_model(whole)


def test_sections_are_views_into_the_file_and_aligned() -> None:
    data = bytearray(model_bytes())
    model = open_model(data)
    before = model.sections["bias"][0]
    data[model.offsets["bias"]] ^= 255
    assert model.sections["bias"][0] == before ^ 255
    assert all(offset % ALIGN == 0 for offset in model.offsets.values())


def test_every_id_is_found_again() -> None:
    model = make_model(items=2000)
    assert [model.find(model.id(i)) for i in range(model.items)] == list(range(model.items))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"sections": {"ids.ends": ("u32", array("I", range(300)))}}, "ids.ends"),
        ({"dims": 60}, "dims"),
        ({"dims": 128}, "similarity"),
        ({"sections": {"bias": ("u8", bytes(3))}}, "bias"),
        ({"sections": {"bias": ("i8", bytes(300))}}, "bias"),
        ({"sections": {"lists.weights": ("u8", b"")}}, "lists.weights"),
        ({"sections": {"lists.high": ("u8", b"\0")}}, "lists.high"),
        ({"sections": {"ids.table": ("u32", array("I", [1] * 500))}}, "ids.table"),
        ({"sections": {"column.price": ("i32", array("i", [1]))}}, "column price"),
        ({"blend": BLEND._replace(votes=(1, 2))}, "blend.votes"),
        ({"blend": BLEND._replace(similarity=257)}, "blend.similarity"),
        ({"blend": BLEND._replace(again=(1 << 29,) * 20)}, "blend.again"),
        ({"blend": BLEND._replace(popularity=0.5)}, "blend.popularity"),
    ],
)
def test_inconsistent_model_is_refused_with_what_is_wrong(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BadModel, match=complaint) as refused:
        open_model(model_bytes(**changes))
    assert refused.value.code == "model_inconsistent"


def test_audit_finds_a_neighbour_outside_the_catalogue() -> None:
    model = make_model()
    low = array("H", model.sections["lists.low"])
    low[17] = 300
    with pytest.raises(BadModel, match="item 300 of 300"):
        audit(make_model(sections={"lists.low": ("u16", low)}))


def test_audit_finds_a_span_that_runs_backwards() -> None:
    ends = array("I", make_model().sections["lists.ends"])
    ends[5], ends[6] = ends[6] + 1, ends[5]
    with pytest.raises(BadModel, match=r"lists\.ends runs backwards"):
        audit(make_model(sections={"lists.ends": ("u32", ends)}))


def test_audit_finds_a_card_without_its_id() -> None:
    text = bytearray(make_model().sections["cards.text"])
    text[2] ^= 1
    with pytest.raises(BadModel, match="card of item 0"):
        audit(make_model(sections={"cards.text": ("u8", text)}))
