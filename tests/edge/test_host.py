"""The worker's host around a real interpreter in workerd: boot, faults, concurrency, randomness, limits."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from shared.answer import parse_question, render
from shared.decision import Decider
from shared.kernels import PythonKernel
from shared.rules import NO_RULES
from tests.edge.conftest import Edge, Serve, eventually
from tests.edge.http_origin import HttpOrigin
from tests.models import make_model

MODEL = make_model(items=600)
DOOR = "/v1/test/python"


def python(edge: Edge, code: str) -> httpx.Response:
    """Run code in the worker's interpreter, on the way that every request takes."""
    return httpx.post(edge.url + DOOR, content=code, timeout=20)


def layer(edge: Edge, query: str = "n=3") -> str:
    response = httpx.get(f"{edge.url}/v1/recommend?{query}", timeout=10)
    assert response.status_code == 200
    assert response.json()["items"]
    return response.headers["doorstep-layer"]


def until_edge(edge: Edge) -> None:
    """Wait until Python answers."""
    eventually(lambda: layer(edge) in ("edge", "isolate"), edge)


@pytest.fixture
def origin() -> Iterator[HttpOrigin]:
    server = HttpOrigin()
    yield server
    server.stop()


def test_health_proves_the_platform(edge: Edge) -> None:
    said = httpx.get(f"{edge.url}/healthz").json()
    assert said["python"].startswith("3.14.")
    assert said["platform"] == "emscripten"
    assert said["model"] == MODEL.name


def test_answers_as_the_reference(edge: Edge) -> None:
    decider = Decider(PythonKernel(MODEL), NO_RULES)
    for query in (
        "n=5",
        f"n=40&items={'%20,'.join([])}",
        f"n=12&items={MODEL.id(5).replace('é', '%C3%A9')}",
        "filter=price%3C5",
    ):
        question = parse_question(query)
        expected = render(decider.decide(question, question.items or ()))
        assert httpx.get(f"{edge.url}/v1/recommend?{query}").text == expected


def test_interpreter_still_booting(bundle: Path, serve: Serve) -> None:
    edge = serve(bundle, ready="/doorstep.js", DOORSTEP_BOOT="lazy")
    assert layer(edge) == "popular"
    until_edge(edge)


def test_booting_with_an_origin(bundle: Path, serve: Serve, origin: HttpOrigin) -> None:
    edge = serve(bundle, ready="/doorstep.js", DOORSTEP_BOOT="lazy", DOORSTEP_ORIGIN_URL=origin.url)
    response = httpx.get(f"{edge.url}/v1/recommend?n=3&slot=cart")
    assert response.json()["items"] == [{"id": "/v1/recommend?n=3&slot=cart"}]
    assert response.headers["doorstep-layer"] == "origin"


def test_popular_list_while_booting(bundle: Path, serve: Serve) -> None:
    edge = serve(bundle, ready="/doorstep.js", DOORSTEP_BOOT="lazy")
    early = httpx.get(f"{edge.url}/v1/recommend?n=7&slot=cart").json()
    until_edge(edge)
    late = httpx.get(f"{edge.url}/v1/recommend?n=7&slot=cart").json()
    assert early == late


def test_exception_harms_no_other_request(edge: Edge) -> None:
    failed = python(edge, "1/0")
    assert failed.status_code == 503
    assert failed.headers["content-type"] == "application/problem+json"
    assert layer(edge) in ("edge", "isolate")


def test_dead_interpreter_is_replaced(bundle: Path, serve: Serve) -> None:
    edge = serve(bundle)
    before = httpx.get(f"{edge.url}/healthz").json()
    assert python(edge, "import os; os._exit(3)").status_code == 503
    assert layer(edge) in ("popular", "edge", "isolate")
    until_edge(edge)
    after = httpx.get(f"{edge.url}/healthz").json()
    assert (after["model"], after["python"]) == (before["model"], before["python"])


def test_randomness_is_fresh_in_every_isolate(bundle: Path, serve: Serve) -> None:
    draw = "import os, random; f'{random.random()} {os.urandom(8).hex()} {random.getrandbits(64)}'"
    drawn = [python(serve(bundle), draw).text.split() for _ in range(2)]
    assert len({*drawn[0], *drawn[1]}) == 6


def test_a_replaced_interpreter_draws_anew(bundle: Path, serve: Serve) -> None:
    edge = serve(bundle)
    first = python(edge, "import random; random.random()").text
    python(edge, "import os; os._exit(3)")
    until_edge(edge)
    assert python(edge, "random = __import__('random'); random.random()").text != first


def test_concurrent_requests_never_mix(bundle: Path, serve: Serve, origin: HttpOrigin) -> None:
    """200 at once: some computed, some waiting for the origin, some failing, some whose client leaves."""
    origin.delay_s = 0.2
    edge = serve(bundle, DOORSTEP_ORIGIN_URL=origin.url, DOORSTEP_ORIGIN_DEADLINE_MS="15000", DOORSTEP_REFRESH_S="0")

    async def ask(client: httpx.AsyncClient, n: int) -> None:
        if n % 4 == 0:  # a field that the model lacks: only the origin can answer
            target = f"/v1/recommend?filter=colour%3D{n}"
            assert (await client.get(target)).json()["items"] == [{"id": target}]
        elif n % 4 == 1:
            answer = (await client.get(f"/v1/recommend?n={1 + n % 100}")).json()
            assert len(answer["items"]) == 1 + n % 100
        elif n % 4 == 2:
            assert (await client.post(DOOR, content=f"raise ValueError({n})")).status_code == 503
        else:
            with pytest.raises(httpx.ReadTimeout):
                await client.get(f"/v1/recommend?filter=colour%3Dgone{n}", timeout=httpx.Timeout(30, read=0.05))

    async def all_at_once() -> None:
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(base_url=edge.url, timeout=30, limits=limits) as client:
            await asyncio.gather(*(ask(client, n) for n in range(200)))

    asyncio.run(all_at_once())
    assert layer(edge) in ("edge", "isolate")
    parked = "import gc, edge.worker as w; [len(o._parked) for o in gc.get_objects() if isinstance(o, w.Worker)]"
    eventually(lambda: python(edge, parked).text == "[0]", edge)


@pytest.mark.parametrize(
    ("method", "target", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/", 404, "not_found"),  # the shop is for demo mode
        ("POST", "/doorstep.js", 405, "method_not_allowed"),
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/v1/recommend?n=0", 400, "bad_n"),
        ("DELETE", "/v1/recommend", 405, "method_not_allowed"),
    ],
)
def test_problems(edge: Edge, method: str, target: str, status: int, code: str) -> None:
    response = httpx.request(method, edge.url + target)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("chunked", [False, True])
def test_huge_body_is_refused_before_python_sees_it(edge: Edge, chunked: bool) -> None:
    body = b"x" * (256 * 1024 + 1)
    response = httpx.post(f"{edge.url}/v1/events", content=iter([body]) if chunked else body)
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("cookie", ["é" * 50, "\\ud800", '"', "a=b; c", "=" * 4000])
def test_any_cookie_is_survived(edge: Edge, cookie: str) -> None:
    response = httpx.get(f"{edge.url}/v1/recommend", headers={"cookie": cookie.encode()})
    assert response.status_code == 200


def test_static_files(bundle: Path, serve: Serve) -> None:
    edge = serve(bundle, DOORSTEP_DEMO="1")
    page = httpx.get(edge.url + "/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    script = httpx.get(f"{edge.url}/doorstep.js")
    assert script.headers["content-type"].startswith("text/javascript")
    again = httpx.get(f"{edge.url}/doorstep.js", headers={"if-none-match": script.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_input_grows_no_dict_without_bound(bundle: Path, serve: Serve) -> None:
    """The hash secret is frozen in the snapshot, so nothing may keep as many keys as a caller likes to send."""
    edge = serve(bundle, DOORSTEP_ISOLATE_BYTES="100000")
    keys = "import gc; sum(len(o) for o in gc.get_objects() if isinstance(o, dict))"
    counts = []
    with httpx.Client(base_url=edge.url) as client:
        for start in (0, 1000, 2000):
            for n in range(start, start + 1000):
                query = f"items=x{n}&exclude=y{n}&n={1 + n % 100}&z{n}={n}&filter=price%3C{n}"
                assert client.get(f"/v1/recommend?{query}", headers={"cookie": f"c{n}=v"}).status_code == 200
            counts.append(int(python(edge, keys).text))
    assert counts[2] <= counts[0] + 100
