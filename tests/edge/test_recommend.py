"""The way of an answer at the edge, layer by layer, stepped by hand: what is asked, kept and served when."""

import json

import pytest

from shared.answer import parse_question, render
from shared.decision import Decider
from shared.kernels import PythonKernel
from shared.rules import NO_RULES
from tests.edge.stepper import Said, Stepper, reply
from tests.models import make_model, model_bytes

MODEL = make_model()
ASK = f"/v1/recommend?n=5&items={MODEL.id(9)},{MODEL.id(4)}".replace('"', "%22")
ORIGIN = "http://origin.test"
LIST = json.dumps(
    {"items": [{"id": "x", "score": 1.0, "because": None}], "slot": "home", "model": "m", "variant": None}
)
FROM_ORIGIN = reply(200, LIST, doorstep_layer="origin", doorstep_model="m-1")


def without_model(**settings: str) -> Stepper:
    return Stepper(origin_url=ORIGIN, refresh_s="0", **settings)


def through_cdn(stepper: Stepper, target: str = ASK) -> Said:
    """The effect that follows a miss at the point of presence."""
    asked = stepper.get(target)
    assert asked.effect["do"] == "cache_get"
    return stepper.resume(asked)


def test_with_a_model_the_edge_answers_without_asking_anybody() -> None:
    stepper = Stepper(origin_url=ORIGIN, refresh_s="0")
    stepper.adopt(model_bytes())
    answered = stepper.get(ASK)
    assert (answered.status, answered.layer, answered.headers["doorstep-model"]) == (200, "edge", MODEL.name)
    assert answered.headers["server-timing"].startswith("decide;dur=")
    question = parse_question(ASK.partition("?")[2])
    expected = render(Decider(PythonKernel(MODEL), NO_RULES).decide(question, question.items or ()))
    assert answered.body == expected


def test_the_same_question_is_answered_by_the_isolate_for_30_s() -> None:
    stepper = Stepper()
    stepper.adopt(model_bytes())
    first = stepper.get(ASK)
    stepper.now_ms += 29_999
    again = stepper.get(ASK)
    assert (first.layer, again.layer, again.body) == ("edge", "isolate", first.body)
    stepper.now_ms += 1
    assert stepper.get(ASK).layer == "edge"


def test_a_history_that_nobody_else_has_is_computed_every_time() -> None:
    stepper = Stepper()
    stepper.adopt(model_bytes())
    long = f"/v1/recommend?items={','.join(str(n) for n in range(9))},{MODEL.id(3)}".replace('"', "%22")
    assert [stepper.get(long).layer for _ in range(2)] == ["edge", "edge"]


def test_another_history_filter_or_model_is_another_question() -> None:
    stepper = Stepper()
    stepper.adopt(model_bytes())
    stepper.get(ASK)
    assert stepper.get(f"{ASK},{MODEL.id(50)}").layer == "edge"
    assert stepper.get(f"{ASK}&filter=price>1").layer == "edge"
    assert stepper.get(f"{ASK}&exclude=x").layer == "edge"
    stepper.adopt(model_bytes(seed=2))
    assert stepper.get(ASK).layer == "edge"


def test_the_history_comes_from_the_cookie_if_the_question_names_none() -> None:
    stepper = Stepper()
    stepper.adopt(model_bytes())
    cookie = f"a=b; doorstep_history={MODEL.id(9)},{MODEL.id(4)}"
    assert stepper.get("/v1/recommend?n=5", cookie=cookie).body == stepper.get(ASK).body
    assert stepper.get("/v1/recommend?n=5&items=", cookie=cookie).body != stepper.get(ASK).body


def test_a_broken_cookie_costs_nobody_the_answer() -> None:
    stepper = Stepper()
    stepper.adopt(model_bytes())
    assert stepper.get("/v1/recommend", cookie="doorstep_history=%FF%FE;;;=\x00").status == 200


def test_without_a_model_the_origin_is_asked_with_a_deadline_and_its_layer_is_named() -> None:
    stepper = without_model(origin_deadline_ms="250")
    asked = through_cdn(stepper)
    assert asked.effect == {
        "do": "fetch", "url": ORIGIN + ASK, "method": "GET", "headers": {}, "body": "", "timeout_ms": 250,
    }  # fmt: skip
    answered = stepper.resume(asked, FROM_ORIGIN)
    assert (answered.layer, answered.headers["doorstep-model"], answered.body) == ("origin", "m-1", LIST)


def test_the_cookies_history_is_spelled_out_for_the_origin() -> None:
    stepper = without_model()
    asked = stepper.resume(stepper.get("/v1/recommend", cookie="doorstep_history=%C4%8Daj,b"))
    assert asked.effect["url"] == f"{ORIGIN}/v1/recommend?items=%C4%8Daj,b"


def test_an_answer_of_the_origin_is_kept_in_the_isolate_and_at_the_point_of_presence() -> None:
    stepper = without_model()
    answered = stepper.resume(through_cdn(stepper), FROM_ORIGIN)
    kept = stepper.resume(answered)
    assert kept.effect["do"] == "cache_put"
    assert kept.effect["headers"]["cache-control"] == "public, max-age=3660"
    assert stepper.resume(kept).status == 0
    assert stepper.get(ASK).layer == "isolate"

    elsewhere = without_model()  # another isolate of the same point of presence
    asked = elsewhere.get(ASK)
    assert asked.effect["key"] == kept.effect["key"]
    found = elsewhere.resume(asked, reply(200, kept.effect["body"], **kept.effect["headers"]))
    assert (found.layer, found.body, found.background) == ("cdn", LIST, 0)


def test_long_histories_are_nobody_elses_question_and_skip_the_cdn_layer() -> None:
    stepper = without_model()
    asked = stepper.get(ASK + ",third,fourth")
    assert asked.effect["do"] == "fetch"
    answered = stepper.resume(asked, FROM_ORIGIN)
    assert stepper.resume(answered).effect == {}
    assert stepper.get(ASK + ",third,fourth").layer == "isolate"


def test_one_request_refreshes_a_stale_answer_and_the_others_get_it_stale() -> None:
    stepper = without_model()
    stepper.resume(stepper.resume(through_cdn(stepper), FROM_ORIGIN))
    stepper.now_ms += 31_000
    answers = [stepper.get(ASK) for _ in range(1000)]
    assert {(a.layer, a.body) for a in answers} == {("isolate", LIST)}
    refreshing = [a for a in answers if a.background]
    assert len(refreshing) == 1
    newer = LIST.replace('"x"', '"y"')
    asked = stepper.resume(refreshing[0])
    assert asked.effect["url"] == ORIGIN + ASK
    stepper.resume(stepper.resume(asked, reply(200, newer, doorstep_layer="origin", doorstep_model="m-1")))
    fresh = stepper.get(ASK)
    assert (fresh.layer, fresh.body, fresh.background) == ("isolate", newer, 0)


def test_a_refresh_that_died_is_taken_over_later() -> None:
    stepper = without_model()
    stepper.resume(stepper.resume(through_cdn(stepper), FROM_ORIGIN))
    stepper.now_ms += 31_000
    stepper.worker.close(stepper.get(ASK).background)  # its host left
    assert stepper.get(ASK).background == 0
    stepper.now_ms += 601
    assert stepper.get(ASK).background != 0


def test_a_stale_copy_at_the_point_of_presence_is_served_and_refreshed() -> None:
    stepper = without_model()
    old = reply(200, LIST, doorstep_model="m-1", doorstep_stored=str(stepper.now_ms - 61_000))
    answered = stepper.resume(stepper.get(ASK), old)
    assert answered.layer == "cdn"
    assert stepper.get(ASK).background == 0, "one request refreshes"
    assert stepper.resume(answered).effect["url"] == ORIGIN + ASK


@pytest.mark.parametrize("failure", ["timeout", "500"])
def test_when_the_origin_fails_the_bundles_list_is_left(failure: str) -> None:
    stepper = without_model()
    asked = through_cdn(stepper)
    last = stepper.resume(asked, failed="timeout") if failure == "timeout" else stepper.resume(asked, reply(500))
    assert (last.status, last.effect) == (0, {})


def test_an_origin_that_keeps_failing_is_left_alone_for_a_while() -> None:
    stepper = without_model()
    for n in range(3):
        stepper.resume(stepper.get(f"{ASK},x,{n}"), failed="timeout")
    assert stepper.get(f"{ASK},x,3").effect == {}
    stepper.now_ms += 2_001
    assert stepper.get(f"{ASK},x,4").effect["do"] == "fetch"
    assert stepper.get(f"{ASK},x,5").effect == {}, "only one tries while it is unknown whether the origin is back"


def test_a_broken_cdn_cache_is_passed_by() -> None:
    stepper = without_model()
    assert stepper.resume(stepper.get(ASK), failed="no cache here").effect["do"] == "fetch"


def test_a_filter_that_the_artifact_cannot_answer_goes_to_the_origin_and_comes_back_with_its_words() -> None:
    stepper = without_model()
    stepper.adopt(model_bytes())
    asked = through_cdn(stepper, ASK + "&filter=colour=red")
    assert asked.effect["url"].endswith("&filter=colour=red")
    told = stepper.resume(asked, reply(400, '{"code":"unknown_field"}', content_type="application/problem+json"))
    assert (told.status, told.body) == (400, '{"code":"unknown_field"}')


def test_with_a_model_the_last_resort_is_its_own_popular_list() -> None:
    stepper = without_model()
    stepper.adopt(model_bytes())
    last = stepper.resume(through_cdn(stepper, ASK + "&filter=colour=red"), failed="dead")
    assert (last.status, last.layer, len(last.ids)) == (200, "popular", 5)


def test_a_kernel_that_fails_leaves_the_other_layers() -> None:
    stepper = without_model()
    stepper.adopt(model_bytes())
    current = stepper.worker._isolate.models.current
    assert current is not None
    current.model.buffer.release()
    current.model.sections["lists.scales"].release()  # the next touch raises, as a fault in the kernel would
    assert through_cdn(stepper).effect["do"] == "fetch"


def test_an_origins_last_resort_is_passed_on_but_not_kept() -> None:
    stepper = without_model()
    answered = stepper.resume(through_cdn(stepper), reply(200, LIST, doorstep_layer="popular", doorstep_model="m"))
    assert answered.layer == "popular"
    stepper.resume(answered)
    assert stepper.get(ASK).effect["do"] == "cache_get"


def test_the_isolates_cache_is_bounded_in_bytes() -> None:
    stepper = Stepper(isolate_bytes="20000")
    stepper.adopt(model_bytes())
    for n in range(1, 101):
        stepper.get(f"/v1/recommend?n={n}")
    kept = stepper.worker._isolate.answers._kept
    assert 0 < kept.currsize <= 20_000
    assert stepper.get("/v1/recommend?n=1").layer == "edge"
