"""Cookies are ``Secure`` where the browser came by https, and only there: else it would not keep them."""

from collections.abc import Iterator

import httpx
import pytest

from origin.registry import Registry
from origin.senders import Sender, over_https
from tests.conftest import Origin
from tests.models import model_bytes
from tests.origin.pipeline import cookie_of, pipeline, view


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    folder = tmp_path_factory.mktemp("secure")
    Registry(folder / "home" / "registry").publish(model_bytes())
    with pipeline(folder / "home", folder) as running:
        yield running.origin


def secure(response: httpx.Response) -> list[bool]:
    return ["Secure" in line.split("; ") for line in response.headers.get_list("set-cookie")]


@pytest.mark.parametrize(
    ("forwarded", "expected"), [("", False), ("http", False), ("https", True), ("https, http", True)]
)
def test_every_cookie_that_is_set_or_taken_away(origin: Origin, forwarded: str, expected: bool) -> None:
    headers = {"x-forwarded-proto": forwarded} if forwarded else {}
    events = {"events": [view("1", "a")]}
    held = cookie_of("anna", doorstep_history="a")
    with httpx.Client(base_url=origin.url, timeout=20, headers=headers) as client:
        assert secure(client.post("/v1/events", json=events)) == [expected] * 2
        client.cookies.clear()
        withheld = client.post("/v1/events", json={**events, "consent": "none"}, headers=held)
        assert secure(withheld) == [expected] * 2
        assert secure(client.delete("/v1/me", headers=held)) == [expected] * 2


def test_what_says_so() -> None:
    assert over_https("https", "")
    assert over_https("http", " https ,http")
    assert not over_https("http", "http, https")
    assert not over_https("", "")
    headers = [(b"x-forwarded-proto", b"https"), (b"host", b"h")]
    assert Sender.of(headers, "192.0.2.1", "http").secure
    assert not Sender.of([], "192.0.2.1", "http").secure
