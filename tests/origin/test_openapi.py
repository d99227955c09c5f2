"""Schemathesis makes requests from the OpenAPI description and compares what comes back with it."""

import subprocess
import sys
from pathlib import Path

import httpx

from tests.conftest import StartOrigin
from tests.processes import ROOT


def test_describes_every_route(home: Path, start_origin: StartOrigin) -> None:
    paths = httpx.get(start_origin(home).url + "/openapi.json").json()["paths"]
    assert {(method, path) for path, methods in paths.items() for method in methods} == {
        ("get", "/v1/recommend"),
        ("post", "/v1/events"),
        ("get", "/v1/live"),
        ("get", "/v1/schema"),
        ("post", "/v1/visitors/merge"),
        ("get", "/v1/visitors/{visitor}"),
        ("get", "/v1/visitors/{visitor}/blob"),
        ("get", "/v1/me"),
        ("delete", "/v1/me"),
        ("get", "/v1/erasures/{receipt}"),
        ("get", "/v1/models/current"),
        ("post", "/v1/models/rollback"),
        ("get", "/v1/rules/current"),
        ("get", "/healthz"),
        ("get", "/readyz"),
        ("get", "/metrics"),
    }
    assert [p["name"] for p in paths["/v1/recommend"]["get"]["parameters"]] == ["slot", "n", "items", "exclude", "seen"]


def test_schemathesis_finds_nothing(home: Path, start_origin: StartOrigin, real_redis: str) -> None:
    url = start_origin(home, DOORSTEP_API_KEY="secret", DOORSTEP_REDIS_URL=real_redis).url
    program = Path(sys.executable).with_name("schemathesis")
    done = subprocess.run(
        [program, "run", f"{url}/openapi.json", "--checks", "all", "--max-examples", "100",
         "--exclude-path", "/v1/live", "--no-color"],  # which never ends
        cwd=home, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
    assert "15 selected / 16 total" in done.stdout
    assert httpx.get(f"{url}/healthz").status_code == 200
    assert "doorstep_decide_failures_total 0.0" in httpx.get(f"{url}/metrics").text
    assert ROOT not in home.parents, "what it writes stays out of the project"
