"""What ``/metrics`` tells: all that is documented, also without Redis; and the pipeline's figures, with real parts."""

import re
from pathlib import Path

import httpx

from origin.metrics import METRICS, Metrics, reference
from tests.conftest import StartOrigin
from tests.models import make_model
from tests.origin.pipeline import pipeline, view, wait_until
from tests.processes import ROOT, free_port


def test_the_reference_is_complete() -> None:
    documented = (ROOT / "docs" / "metrics.md").read_text()
    assert reference() in documented, "put the output of origin.metrics.reference() into docs/metrics.md"
    families = list(Metrics().families(None))
    assert [(f.name, f.type, f.documentation) for f in families] == [(m.name, m.kind, m.about) for m in METRICS]


def test_without_redis_there_are_metrics_all_the_same(home: Path, start_origin: StartOrigin) -> None:
    origin = start_origin(home, DOORSTEP_REDIS_URL=f"redis://127.0.0.1:{free_port()}")
    response = httpx.get(f"{origin.url}/metrics")
    assert response.status_code == 200
    assert "\ndoorstep_redis_up 0.0" in response.text
    assert not re.search(r"^doorstep_dead_letters ", response.text, re.MULTILINE)
    assert response.elapsed.total_seconds() < 3


def test_figures_of_the_pipeline(home: Path, tmp_path: Path) -> None:
    with pipeline(home, tmp_path) as running:
        running.send("anna", view("1", make_model().id(3)), view("2", make_model().id(4)))
        running.folded("anna", 2)

        def text() -> str:
            return httpx.get(f"{running.origin.url}/metrics").text

        wait_until(lambda: re.search(r'^doorstep_folded_total\{processor=".+"\} 2\.0', text(), re.MULTILINE))
        told = text()
        for line in (
            "doorstep_redis_up 1.0", "doorstep_processors 1.0", "doorstep_dead_letters 0.0",
            "doorstep_events_accepted_total 2.0", "doorstep_event_to_profile_seconds_count 2.0",
            "doorstep_append_seconds_count 1.0", 'doorstep_log_lag{partition="0"} 0.0',
        ):  # fmt: skip
            assert f"\n{line}\n" in told, line
        assert float(re.findall(r"^doorstep_redis_memory_bytes (\S+)", told, re.MULTILINE)[0]) > 100_000
        assert float(re.findall(r'doorstep_profile_reads_total\{outcome="found"\} (\S+)', told)[0]) >= 1
