"""Effects performed by the real host in workerd: fetching, the point of presence's cache, loading a model."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.edge.conftest import Edge, Serve, eventually
from tests.edge.http_origin import HttpOrigin
from tests.models import make_model, model_bytes

UNKNOWN = "/v1/recommend?n=3&filter=colour%3Dred"  # a field that the model lacks: only the origin can answer


@pytest.fixture
def origin() -> Iterator[HttpOrigin]:
    server = HttpOrigin()
    yield server
    server.stop()


def model_name(edge: Edge) -> str | None:
    name: str | None = httpx.get(f"{edge.url}/healthz").json()["model"]
    return name


def test_the_points_of_presence_cache_keeps_an_origins_answer(bundle: Path, serve: Serve, origin: HttpOrigin) -> None:
    """Under plain workerd too, through build/dev_cache.mjs."""
    edge = serve(bundle, DOORSTEP_ORIGIN_URL=origin.url, DOORSTEP_ISOLATE_BYTES="1", DOORSTEP_REFRESH_S="0",
                 DOORSTEP_ORIGIN_DEADLINE_MS="5000")  # fmt: skip
    first = httpx.get(edge.url + UNKNOWN)
    assert first.headers["doorstep-layer"] == "origin"
    eventually(lambda: httpx.get(edge.url + UNKNOWN).headers["doorstep-layer"] == "cdn", edge)
    asked = origin.asked
    again = httpx.get(edge.url + UNKNOWN)
    assert (again.headers["doorstep-layer"], again.text) == ("cdn", first.text)
    assert origin.asked == asked


def test_deadline_ends_a_fetch(bundle: Path, serve: Serve, origin: HttpOrigin) -> None:
    origin.delay_s = 5
    edge = serve(bundle, DOORSTEP_ORIGIN_URL=origin.url, DOORSTEP_ORIGIN_DEADLINE_MS="100", DOORSTEP_REFRESH_S="0")
    started = time.monotonic()
    answer = httpx.get(edge.url + UNKNOWN)
    assert time.monotonic() - started < 2
    assert (answer.status_code, answer.headers["doorstep-layer"]) == (200, "popular")


@pytest.mark.parametrize("announced", [True, False])
def test_a_model_is_fetched_checked_and_swapped(
    bundle: Path, serve: Serve, origin: HttpOrigin, announced: bool
) -> None:
    origin.announce = announced
    origin.model = model_bytes(seed=2, items=900)
    edge = serve(bundle, DOORSTEP_ORIGIN_URL=origin.url, DOORSTEP_REFRESH_S="1")
    name = make_model(seed=2, items=900).name
    eventually(lambda: model_name(edge) == name, edge)
    answer = httpx.get(f"{edge.url}/v1/recommend?n=3")
    assert (answer.headers["doorstep-model"], answer.headers["doorstep-layer"]) == (name, "edge")
    before = origin.models_sent
    origin.model = origin.model[:-1]  # truncated on its way
    eventually(lambda: bool(model_name(edge)) and origin.models_sent > before, edge)
    assert model_name(edge) == name


def test_a_model_that_breaks_off_is_refused(bundle: Path, serve: Serve, origin: HttpOrigin) -> None:
    origin.model = model_bytes(seed=3, items=5000)
    origin.breaks_off = True
    edge = serve(bundle, DOORSTEP_ORIGIN_URL=origin.url, DOORSTEP_REFRESH_S="1")
    old = model_name(edge)
    eventually(lambda: bool(model_name(edge)) and origin.models_sent > 1, edge)
    assert model_name(edge) == old
    assert httpx.get(f"{edge.url}/v1/recommend?n=3").headers["doorstep-layer"] == "edge"
