"""Routing, health, bad input and the models' refresh, stepped by hand."""

import json

import pytest

from edge.settings import Settings, read_settings
from shared.errors import BadInput, BadModel
from tests.edge.stepper import Said, Stepper, reply
from tests.models import make_model, model_bytes

ORIGIN = "http://origin.test"


@pytest.mark.parametrize(
    ("method", "target", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/v1/recommend/", 404, "not_found"),
        ("POST", "/v1/recommend", 405, "method_not_allowed"),
        ("BREW", "/healthz", 405, "method_not_allowed"),
        ("GET", "/v1/recommend?n=0", 400, "bad_n"),
        ("GET", "/v1/recommend?n=1000000000", 400, "bad_n"),
        ("GET", "/v1/recommend?items=%FF%00", 400, "bad_items"),
        ("GET", "/v1/recommend?items=" + "a," * 10_000, 414, "question_too_long"),
        ("GET", "/v1/recommend?filter=%3B%3B=", 400, "bad_filter"),
    ],
)
def test_bad_input_is_told_as_a_problem(method: str, target: str, status: int, code: str) -> None:
    stepper = Stepper()
    stepper.adopt(model_bytes())
    said = stepper.get(target, method=method)
    problem = json.loads(said.body)
    assert (said.status, problem["status"], problem["code"]) == (status, status, code)
    assert said.headers["content-type"] == "application/problem+json"
    assert stepper.get("/v1/recommend").status == 200


def test_options_and_head_are_answered() -> None:
    stepper = Stepper()
    stepper.adopt(model_bytes())
    assert stepper.get("/v1/recommend", method="OPTIONS").headers["allow"] == "GET, HEAD, OPTIONS"
    assert stepper.get("/v1/recommend", method="HEAD").status == 200


def test_health_names_python_platform_and_model() -> None:
    stepper = Stepper()
    assert json.loads(stepper.get("/healthz").body)["model"] is None
    name = stepper.adopt(model_bytes())
    stepper.get("/v1/recommend")
    health = json.loads(stepper.get("/healthz").body)
    assert health["model"] == name
    assert health["layers"] == {"edge": 1}
    assert health["python"].startswith("3.")


def test_ready_asks_the_origin() -> None:
    stepper = Stepper(origin_url=ORIGIN, refresh_s="0")
    assert stepper.resume(stepper.get("/readyz"), failed="refused").status == 503
    assert stepper.resume(stepper.get("/readyz"), reply(200)).status == 200
    stepper.adopt(model_bytes())
    assert json.loads(stepper.resume(stepper.get("/readyz"), failed="refused").body)["model"] == "ok"


def test_a_corrupt_model_is_refused_and_the_current_one_stays() -> None:
    stepper = Stepper()
    name = stepper.adopt(model_bytes())
    broken = bytearray(model_bytes(seed=2))
    broken[-100] ^= 1
    with pytest.raises(BadModel):
        stepper.adopt(bytes(broken))
    assert stepper.get("/v1/recommend").headers["doorstep-model"] == name


def due(stepper: Stepper) -> Said:
    """The background of the next request that brings the models up to date."""
    stepper.now_ms += 16_000
    said = stepper.get("/v1/recommend")
    assert said.background
    return said


def test_models_and_rules_are_refreshed_behind_a_request_every_15_s() -> None:
    stepper = Stepper(origin_url=ORIGIN)
    first = stepper.adopt(model_bytes())
    rules = stepper.resume(due(stepper))
    assert rules.effect["url"] == f"{ORIGIN}/v1/rules/current"
    assert stepper.get("/v1/recommend").background == 0, "one request refreshes, the others do not"
    rule = '{"version":"7","slots":{"home":{"pins":{"1":"%s"}}}}' % make_model().id(200)
    asked = stepper.resume(rules, reply(200, rule, etag='"7"'))
    assert asked.effect["do"] == "load_model"
    assert asked.effect["headers"] == {"if-none-match": f'"{first}"'}
    second = stepper.adopt(model_bytes(seed=2))  # what the host does on a 200
    assert stepper.resume(asked, reply(200, second)).status == 0
    said = stepper.get("/v1/recommend")
    assert said.headers["doorstep-model"] == second
    again = stepper.resume(due(stepper))
    assert again.effect["headers"] == {"if-none-match": '"7"'}


def test_new_rules_take_effect_at_once() -> None:
    stepper = Stepper()
    stepper.adopt(model_bytes())
    before = stepper.get("/v1/recommend").ids
    pinned = make_model().id(200)
    stepper.worker.adopt_rules(json.dumps({"version": "2", "slots": {"home": {"pins": {"1": pinned}}}}))
    after = stepper.get("/v1/recommend")
    assert (after.layer, after.ids[0], after.ids[1:]) == ("edge", pinned, before[:-1])


def test_bad_rules_change_nothing() -> None:
    stepper = Stepper(origin_url=ORIGIN)
    stepper.adopt(model_bytes())
    before = stepper.get("/v1/recommend").ids
    for bad in ("{", '{"version":"3","slots":{"home":{"filter":"colour=red"}}}'):
        asked = stepper.resume(stepper.resume(due(stepper)), reply(200, bad, etag='"3"'))
        stepper.resume(asked, reply(304))
        assert stepper.get("/v1/recommend").ids == before


def test_a_rollback_at_the_origin_needs_no_download() -> None:
    stepper = Stepper(origin_url=ORIGIN)
    first, second = stepper.adopt(model_bytes()), stepper.adopt(model_bytes(seed=2))
    asked = stepper.resume(stepper.resume(due(stepper)), reply(404))
    assert asked.effect["headers"]["if-none-match"] == f'"{second}", "{first}"'
    stepper.resume(asked, reply(304, etag=f'"{first}"'))
    assert stepper.get("/v1/recommend").headers["doorstep-model"] == first


def test_a_failed_refresh_leaves_everything_as_it_was() -> None:
    stepper = Stepper(origin_url=ORIGIN)
    name = stepper.adopt(model_bytes())
    assert stepper.resume(stepper.resume(due(stepper)), failed="timeout").status == 0
    assert stepper.get("/v1/recommend").headers["doorstep-model"] == name


def test_waiting_requests_are_bounded_and_independent() -> None:
    stepper = Stepper(origin_url=ORIGIN, refresh_s="0")
    waiting = [stepper.get(f"/v1/recommend?items=a,b,{n}") for n in range(10_001)]
    assert len(stepper.worker._parked) == 10_000
    assert stepper.resume(waiting[0], reply(200, "late")).status == 0, "given up for the newest"
    for n in (10_000, 5, 7_777):
        said = stepper.resume(waiting[n], reply(200, f"answer {n}", doorstep_layer="origin"))
        assert said.body == f"answer {n}"


def test_settings_are_read_or_refused() -> None:
    assert read_settings({}) == Settings()
    read = read_settings({"DOORSTEP_ORIGIN_URL": "http://o/", "DOORSTEP_CDN_TTL_S": "5", "PATH": "x"})
    assert (read.origin_url, read.cdn_ttl_s) == ("http://o", 5)
    with pytest.raises(BadInput, match="DOORSTEP_REFRESH_S"):
        read_settings({"DOORSTEP_REFRESH_S": "soon"})
