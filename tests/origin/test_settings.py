"""Variables become settings, bad ones are named, and the reference in docs/ is complete."""

import re
from pathlib import Path

import pytest

from origin.settings import Settings, reference
from shared.errors import BadInput
from tests.processes import ROOT


def test_defaults() -> None:
    assert Settings.from_environ({}) == Settings()
    assert Settings.from_environ({"DOORSTEP_HOME": "", "PATH": "/bin"}) == Settings()


def test_reads_every_kind() -> None:
    variables = {
        "DOORSTEP_HOME": "/srv/doorstep",
        "DOORSTEP_ORIGIN_PORT": "8001",
        "DOORSTEP_MEMORY_TTL_S": "2.5",
        "DOORSTEP_REDIS_URL": "unix:///run/redis.sock",
        "DOORSTEP_API_KEY": "secret",
    }
    settings = Settings.from_environ(variables)
    assert settings.home == Path("/srv/doorstep")
    assert (settings.origin_port, settings.memory_ttl_s) == (8001, 2.5)
    assert (settings.redis_url, settings.api_key) == ("unix:///run/redis.sock", "secret")


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:8787"), ("0.0.0.0", "http://127.0.0.1:8787"), ("::1", "http://[::1]:8787")],
)
def test_urls_can_be_connected_to(host: str, url: str) -> None:
    assert Settings(host=host).edge_url == url


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("DOORSTEP_ORIGIN_PORT", "0"),
        ("DOORSTEP_ORIGIN_PORT", "65536"),
        ("DOORSTEP_ORIGIN_PORT", "80.5"),
        ("DOORSTEP_MEMORY_TTL_S", "soon"),
        ("DOORSTEP_MEMORY_TTL_S", "nan"),
        ("DOORSTEP_STALE_S", "-1"),
        ("DOORSTEP_REDIS_URL", "localhost:6379"),
    ],
)
def test_names_the_variable_that_is_wrong(name: str, text: str) -> None:
    with pytest.raises(BadInput, match=name):
        Settings.from_environ({name: text})


def test_the_reference_lists_the_origins_settings_as_they_are() -> None:
    assert reference() in documented(), "put the output of origin.settings.reference() into docs/settings.md"


def test_every_variable_in_the_code_is_in_the_reference_and_the_other_way_round() -> None:
    known = set(re.findall(r"`(DOORSTEP_[A-Z_]+)`", documented()))
    used = {variable for line in reference().splitlines() for variable in re.findall(r"`(DOORSTEP_[A-Z_]+)`", line)}
    for folder in ("origin", "edge", "shared", "wrangler/src", "wrangler/settings.json"):
        for path in [ROOT / folder, *(ROOT / folder).rglob("*")]:
            if path.suffix in (".py", ".mjs", ".js", ".json"):
                used.update(re.findall(r"\bDOORSTEP_[A-Z]+(?:_[A-Z]+)*", path.read_text()))
    assert known == used


def documented() -> str:
    return (ROOT / "docs" / "settings.md").read_text()
