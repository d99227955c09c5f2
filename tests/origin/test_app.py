"""The origin as a process over HTTP: what it answers, and that no input brings it to a fault."""

import hashlib
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from origin.metrics import METRICS
from origin.registry import Registry
from shared.answer import Question, render
from shared.decision import Decider
from shared.errors import PROBLEM_TYPE
from shared.kernels import PythonKernel
from shared.rules import read_rules
from tests.conftest import RULES, Origin, StartOrigin, origins
from tests.models import make_model, model_bytes

MODEL = make_model()


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    """One process for all tests that leave it as they found it."""
    folder = tmp_path_factory.mktemp("origin")
    Registry(folder / "home" / "registry").publish(model_bytes(), RULES)
    with origins(folder) as start:
        yield start(folder / "home", DOORSTEP_API_KEY="secret", DOORSTEP_MEMORY_TTL_S="0")


@pytest.fixture(scope="module")
def client(origin: Origin) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=origin.url, timeout=10) as client:
        yield client


@pytest.fixture
def own(home: Path, start_origin: StartOrigin) -> Iterator[httpx.Client]:
    """A client of an origin for one test alone, which may publish."""
    with httpx.Client(base_url=start_origin(home, DOORSTEP_API_KEY="secret").url, timeout=10) as client:
        yield client


def test_answers_as_the_reference_does(client: httpx.Client) -> None:
    history = [MODEL.id(i) for i in (3, 1, 4, 1, 5)]
    response = client.get("/v1/recommend", params={"items": ",".join(history), "n": 20, "filter": "price<=15"})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["doorstep-layer"] == "origin"
    assert response.headers["doorstep-model"] == MODEL.name
    assert response.headers["cache-control"] == "private, no-store"
    assert re.fullmatch(r"decide;dur=\d+\.\d{3}", response.headers["server-timing"])
    question = Question(
        n=20, filter=read_rules('{"version":"x","slots":{"a":{"filter":"price<=15"}}}').slot("a").filter
    )
    decider = Decider(PythonKernel(MODEL), read_rules(RULES))
    assert response.text == render(decider.decide(question, history))


def test_the_second_time_it_answers_from_memory(home: Path, start_origin: StartOrigin) -> None:
    url = start_origin(home).url + "/v1/recommend"
    assert [httpx.get(url).headers["doorstep-layer"] for _ in range(2)] == ["origin", "origin-memory"]


def test_without_items_the_cookie_is_the_history(client: httpx.Client) -> None:
    item = MODEL.id(3)
    named = client.get("/v1/recommend", params={"items": item}).text
    encoded = str(httpx.QueryParams({"i": item})).removeprefix("i=")
    assert client.get("/v1/recommend", headers={"cookie": f"a=b; doorstep_history={encoded}"}).text == named
    assert (
        client.get("/v1/recommend", headers={"cookie": f"doorstep_history={encoded}"}, params={"items": ""}).text
        != named
    )


@pytest.mark.parametrize(
    "cookie", [b"doorstep_history=%ff%fe", b"doorstep_history=" + b"%00" * 500, b"\xff\xfe=;;;=,", b"doorstep_history"]
)
def test_broken_cookies_are_as_good_as_none(client: httpx.Client, cookie: bytes) -> None:
    response = client.get("/v1/recommend", headers=[(b"cookie", cookie)])
    assert response.text == client.get("/v1/recommend").text


BAD = [
    ("GET", "/v1/recommend?n=0", 400, "bad_n"),
    ("GET", "/v1/recommend?n=1000000000", 400, "bad_n"),
    ("GET", "/v1/recommend?n=%31%30%31", 400, "bad_n"),
    ("GET", "/v1/recommend?n=", 400, "bad_n"),
    ("GET", "/v1/recommend?items=" + ",".join(map(str, range(1000))), 400, "bad_items"),
    ("GET", "/v1/recommend?items=" + ",".join(map(str, range(10_000))), 414, "question_too_long"),
    ("GET", "/v1/recommend?items=%ff%fe%00", 400, "bad_items"),
    ("GET", "/v1/recommend?items=a%0Ab", 400, "bad_items"),
    ("GET", "/v1/recommend?items=" + "x" * 65, 400, "bad_items"),
    ("GET", "/v1/recommend?slot=..%2F..", 400, "bad_slot"),
    ("GET", "/v1/recommend?filter=%F0%9F%98%80", 400, "bad_filter"),
    ("GET", "/v1/recommend?filter=brand=x", 400, "unknown_field"),
    ("GET", "/v1/recommend?filter=price=" + "9" * 300, 400, "bad_filter"),
    ("GET", "/v1/recommend?seen=maybe", 400, "bad_seen"),
    ("GET", "/v1/recommend?exclude=" + ",".join(map(str, range(201))), 400, "bad_exclude"),
    ("POST", "/v1/recommend", 405, "method_not_allowed"),
    ("DELETE", "/v1/models/current", 405, "method_not_allowed"),
    ("TRACE", "/healthz", 405, "method_not_allowed"),
    ("BREW", "/readyz", 400, "bad_http"),
    ("GET", "/v1/recommend/", 404, "not_found"),
    ("GET", "/nothing", 404, "not_found"),
    ("GET", "/%ff%00", 404, "not_found"),
    ("POST", "/v1/models/rollback", 401, "bad_api_key"),
]


@pytest.mark.parametrize(("method", "target", "status", "code"), BAD, ids=lambda value: str(value)[:40])
def test_bad_input_gets_a_problem_document(
    client: httpx.Client, method: str, target: str, status: int, code: str
) -> None:
    response = client.request(method, target)
    assert (response.status_code, problem_of(response)["code"]) == (status, code)


def test_a_body_that_nobody_asked_for_is_not_read(client: httpx.Client) -> None:
    response = client.post("/v1/models/rollback", content=b"x" * 10_000_000)
    assert problem_of(response)["code"] == "bad_api_key"
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"\x00\xff\x16\x03\x01" * 50 + b"\r\n\r\n", 400, "bad_http"),
        (b"GET\r\n\r\n", 400, "bad_http"),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", 431, "headers_too_large"),
        (b"GET /healthz HTTP/1.1\r\n" + b"x-flood: " + b"a" * 70_000 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"GET /healthz HTTP/1.1\r\n" + b"x: y\r\n" * 20_000 + b"\r\n", 431, "headers_too_large"),
        (b"GET /healthz HTTP/1.1\r\nx: " + b"a" * 200_000, 431, "headers_too_large"),
        (b"GET /v1/recommend?items=\xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n", 400, None),
    ],
    ids=[
        "binary",
        "no target",
        "long target",
        "long header",
        "many headers",
        "a header without end",
        "raw bytes in the query",
    ],
)
def test_junk_on_the_wire(origin: Origin, sent: bytes, status: int, code: str | None) -> None:
    head, _, body = spoken(origin, sent).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert PROBLEM_TYPE.encode() in head
    assert code in (None, json.loads(body)["code"])


def test_head_and_options(client: httpx.Client) -> None:
    for path in ("/v1/recommend", "/v1/models/current", "/v1/rules/current", "/healthz", "/readyz", "/metrics"):
        head = client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        options = client.options(path)
        assert (options.status_code, options.content) == (204, b"")
        assert set(options.headers["allow"].split(", ")) == {"GET", "HEAD"}


def test_the_model_is_served_whole_in_parts_and_not_again(client: httpx.Client) -> None:
    data = model_bytes()
    whole = client.get("/v1/models/current")
    assert whole.content == data
    assert whole.headers["etag"] == f'"{MODEL.name}"'
    assert hashlib.sha256(whole.content[64:]).hexdigest().startswith(MODEL.name.rpartition("-")[2])
    for tag in (f'"{MODEL.name}"', f'W/"{MODEL.name}"', f'"x", "{MODEL.name}"', "*"):
        again = client.get("/v1/models/current", headers={"if-none-match": tag})
        assert (again.status_code, again.content) == (304, b"")
    assert client.get("/v1/models/current", headers={"if-none-match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    ("header", "status", "part"),
    [
        ("bytes=0-63", 206, slice(0, 64)),
        ("bytes=100-", 206, slice(100, None)),
        ("bytes=-100", 206, slice(-100, None)),
        ("bytes=0-99999999", 206, slice(None)),
        ("bytes=99999999-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=5-1", 200, slice(None)),
        ("bytes=a-b", 200, slice(None)),
        ("bytes=-", 200, slice(None)),
        ("bytes=0-1,5-6", 200, slice(None)),
        ("lines=0-1", 200, slice(None)),
    ],
)
def test_ranges_of_the_model(client: httpx.Client, header: str, status: int, part: slice | None) -> None:
    data = model_bytes()
    response = client.get("/v1/models/current", headers={"range": header})
    assert response.status_code == status
    if part is None:
        assert problem_of(response)["code"] == "bad_range"
        assert response.headers["content-range"] == f"bytes */{len(data)}"
    else:
        assert response.content == data[part]
    if status == 206:
        start, stop, _ = (part or slice(0)).indices(len(data))
        assert response.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(data)}"


def test_a_range_of_another_model_is_not_a_part_of_this_one(client: httpx.Client) -> None:
    headers = {"range": "bytes=0-9", "if-range": '"other"'}
    assert client.get("/v1/models/current", headers=headers).status_code == 200
    headers["if-range"] = f'"{MODEL.name}"'
    assert client.get("/v1/models/current", headers=headers).status_code == 206


def test_rules_in_force(client: httpx.Client) -> None:
    response = client.get("/v1/rules/current")
    assert (response.text, response.headers["etag"]) == (RULES, '"r1"')
    assert client.get("/v1/rules/current", headers={"if-none-match": '"r1"'}).status_code == 304


def test_metrics_are_those_that_are_documented(client: httpx.Client) -> None:
    client.get("/v1/recommend")
    response = client.get("/metrics")
    told = set(re.findall(r"^# TYPE (\w+?)(?:_total)? ", response.text, re.MULTILINE))
    assert told == {metric.name for metric in METRICS}
    assert re.search(r'^doorstep_answers_total{layer="origin"} [1-9]', response.text, re.MULTILINE)


def test_a_published_model_is_noticed_and_a_corrupt_one_is_not_used(own: httpx.Client, home: Path) -> None:
    registry = Registry(home / "registry")
    second = registry.publish(model_bytes(seed=2))
    wait_until(lambda: model_of(own) == second)

    registry.model_file(MODEL.name).write_bytes(model_bytes()[:-100])
    pointer = home / "registry" / "current.json"
    pointer.with_suffix(".new").write_text(json.dumps({"models": [MODEL.name], "rules": ["r1"]}))
    pointer.with_suffix(".new").replace(pointer)
    wait_until(lambda: "doorstep_model_refusals_total 1.0" in own.get("/metrics").text)
    assert model_of(own) == second
    assert own.get("/v1/models/current").headers["doorstep-model"] == second

    third = registry.publish(model_bytes(seed=3))
    wait_until(lambda: model_of(own) == third)


def test_rolling_back_needs_the_key(own: httpx.Client, home: Path) -> None:
    second = Registry(home / "registry").publish(model_bytes(seed=2))
    wait_until(lambda: model_of(own) == second)
    assert own.post("/v1/models/rollback", headers={"authorization": "Bearer wrong"}).status_code == 401
    key = {"authorization": "Bearer secret"}
    assert own.post("/v1/models/rollback", headers=key).json() == {"model": MODEL.name}
    assert model_of(own) == MODEL.name
    nothing = own.post("/v1/models/rollback", headers=key)
    assert problem_of(nothing)["code"] == "nothing_to_roll_back_to"


def test_before_the_first_publication(tmp_path: Path, start_origin: StartOrigin) -> None:
    origin = start_origin(tmp_path / "empty")
    for path, code in (
        ("/v1/recommend", "no_model"), ("/v1/models/current", "no_model"), ("/v1/rules/current", "no_model"),
        ("/readyz", "not_ready"),
    ):  # fmt: skip
        response = httpx.get(origin.url + path)
        assert (response.status_code, problem_of(response)["code"]) == (503, code)
        assert response.headers["retry-after"] == "1"
    assert httpx.post(origin.url + "/v1/models/rollback").status_code == 403
    Registry(tmp_path / "empty" / "registry").publish(model_bytes())
    wait_until(lambda: httpx.get(origin.url + "/readyz").status_code == 200)


def problem_of(response: httpx.Response) -> dict[str, object]:
    assert response.headers["content-type"] == PROBLEM_TYPE
    document: dict[str, object] = response.json()
    assert document["status"] == response.status_code
    return document


def model_of(client: httpx.Client) -> str:
    return client.get("/v1/recommend").headers["doorstep-model"]


def wait_until(holds: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)


def spoken(origin: Origin, sent: bytes) -> bytes:
    """Send bytes as they are; everything that comes back until the server closes or is silent for a second."""
    address = urlsplit(origin.url)
    received = b""
    with socket.create_connection((address.hostname, address.port), timeout=1) as connection:
        try:
            connection.sendall(sent)
            while piece := connection.recv(65536):
                received += piece
        except (TimeoutError, ConnectionError):
            pass
    return received
