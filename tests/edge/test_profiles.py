"""The visitor's profile at the edge, stepped by hand: fetched behind an answer, used by the next, never in the way."""

import json
from base64 import b64encode
from typing import Any

from shared.answer import parse_question, render
from shared.decision import Decider
from shared.events import Event
from shared.kernels import PythonKernel
from shared.profile import EMPTY, Profile, fold, known, recall, to_blob
from shared.rules import NO_RULES
from shared.visitor import edge_token, sign
from tests.edge.stepper import Said, Stepper, reply
from tests.edge.test_beacon import NOW, ORIGIN, SECRET, batch, edge, event, taken
from tests.models import make_model, model_bytes

MODEL = make_model()
ITEMS = [MODEL.id(i) for i in (9, 4, 30)]
COOKIE = f"doorstep_visitor={sign(SECRET, 'v-1')}"
ASK = "/v1/recommend?n=5"
BLOB = f"{ORIGIN}/v1/visitors/v-1/blob"
KEY = "https://doorstep.internal/profiles/v-1"


def profile(*items: str, kind: str = "view", at_ms: int = NOW - 60_000) -> Profile:
    held = EMPTY
    for n, item in enumerate(items):
        held = fold(held, Event(f"p-{n}-{item}", "v-1", kind, at_ms + n, item))
    return held


def with_model(**settings: str) -> Stepper:
    stepper = edge(**settings)
    stepper.adopt(model_bytes())
    return stepper


def blob(held: Profile) -> str:
    return reply(200, b64encode(to_blob(held)).decode(), content_type="text/plain", doorstep_visitor="v-1")


def expected(query: str, history: tuple[str, ...] = (), held: Profile = EMPTY) -> str:
    question = parse_question(query)
    return render(Decider(PythonKernel(MODEL), NO_RULES).decide(question, history, known(held)))


def fetching(stepper: Stepper, said: Said) -> Said:
    """The question to the origin that goes on behind ``said``, after a miss at the point of presence."""
    asked = stepper.resume(said)
    assert (asked.effect["do"], asked.effect["key"]) == ("cache_get", KEY)
    return stepper.resume(asked)


def learn(stepper: Stepper, answer: str) -> Said:
    """Let the isolate fetch the visitor's profile; the effect is the copy to the point of presence."""
    return stepper.resume(fetching(stepper, stepper.get(ASK, cookie=COOKIE)), answer)


def test_the_first_answer_goes_out_at_once_and_the_next_one_knows_the_visitor() -> None:
    stepper = with_model()
    first = stepper.get(ASK, cookie=COOKIE)
    assert (first.status, first.layer, first.body) == (200, "edge", expected("n=5"))
    asked = fetching(stepper, first)
    assert (asked.effect["url"], asked.effect["method"]) == (BLOB, "GET")
    assert asked.effect["headers"] == {"authorization": f"Bearer {edge_token(SECRET)}"}
    held = profile(*ITEMS)
    stored = stepper.resume(asked, blob(held))
    assert (stored.effect["do"], stored.effect["key"]) == ("cache_put", KEY)
    assert stored.effect["headers"]["cache-control"] == "max-age=30"
    assert stepper.resume(stored).status == 0
    second = stepper.get(ASK, cookie=COOKIE)
    assert (second.body, second.background) == (expected("n=5", held.items, held), 0)
    assert second.body != first.body


def test_one_request_fetches_and_the_others_do_not() -> None:
    stepper = with_model()
    assert [bool(stepper.get(ASK, cookie=COOKIE).background) for _ in range(5)] == [True, False, False, False, False]
    stepper.now_ms += 4001
    assert stepper.get(ASK, cookie=COOKIE).background, "the one that was to do it has died"


def test_the_requests_own_history_comes_first() -> None:
    stepper = with_model()
    held = profile(*ITEMS)
    learn(stepper, blob(held))
    said = stepper.get(ASK, cookie=f"{COOKIE}; doorstep_history={MODEL.id(50)}")
    assert said.body == expected("n=5", recall((MODEL.id(50),), held), held)


def test_a_question_that_names_its_items_gets_only_what_was_bought_and_seen_from_the_profile() -> None:
    stepper = with_model()
    stepper.worker.adopt_rules(json.dumps({"version": "1", "slots": {"*": {"purchased": "drop"}}}))
    query = f"n=5&items={MODEL.id(50)}".replace('"', "%22")
    before = stepper.get(f"/v1/recommend?{query}").ids
    learn(stepper, blob(profile(before[0], kind="purchase")))
    after = stepper.get(f"/v1/recommend?{query}", cookie=COOKIE).ids
    assert before[0] not in after
    assert after[:4] == before[1:]
    assert stepper.get(f"/v1/recommend?{query}").ids == before, "nobody else gets this visitor's answer"


def test_answers_made_with_a_profile_are_kept_for_nobody() -> None:
    stepper = with_model()
    anonymous = stepper.get(ASK).body
    learn(stepper, blob(profile(*ITEMS)))
    answers = [stepper.get(ASK, cookie=COOKIE) for _ in range(2)]
    assert [a.layer for a in answers] == ["edge", "edge"]
    assert answers[0].body != anonymous
    assert (stepper.get(ASK).layer, stepper.get(ASK).body) == ("isolate", anonymous)


def test_a_visitor_without_a_profile_is_answered_as_anybody() -> None:
    stepper = with_model()
    learn(stepper, reply(404))
    said = stepper.get(ASK, cookie=COOKIE)
    assert (said.layer, said.background) == ("isolate", 0), "that there is none is remembered"
    stepper.now_ms += 30_000
    assert stepper.get(ASK, cookie=COOKIE).background


def test_a_stale_profile_is_used_while_it_is_fetched_anew() -> None:
    stepper = with_model()
    held = profile(*ITEMS)
    learn(stepper, blob(held))
    stepper.now_ms += 29_999
    assert stepper.get(ASK, cookie=COOKIE).background == 0
    stepper.now_ms += 1
    stale = stepper.get(ASK, cookie=COOKIE)
    assert stale.body == expected("n=5", held.items, held)
    stepper.resume(fetching(stepper, stale), blob(profile(ITEMS[0])))
    assert stepper.get(ASK, cookie=COOKIE).body == expected("n=5", (ITEMS[0],))


def test_a_profile_of_another_isolate_is_found_at_the_point_of_presence() -> None:
    here = with_model()
    held = profile(*ITEMS)
    stored = learn(here, blob(held))
    there = with_model()
    there.now_ms += 20_000
    asked = there.resume(there.get(ASK, cookie=COOKIE))
    copy = reply(200, stored.effect["body"], **stored.effect["headers"])
    assert there.resume(asked, copy).status == 0
    assert there.get(ASK, cookie=COOKIE).body == expected("n=5", held.items, held)
    there.now_ms += 10_000
    again = there.get(ASK, cookie=COOKIE)
    assert there.resume(there.resume(again), copy).effect["url"] == BLOB, "its age counts from when it was fetched"


def sent_by(stepper: Stepper, *events: Any) -> Said:
    said = stepper.resume(stepper.post(batch(*events), cookie=COOKIE), taken(len(events)))
    assert said.status == 202
    return said


def test_what_was_sent_is_known_to_the_next_answer_and_stays_known_while_the_origin_lags() -> None:
    stepper = with_model()
    stepper.worker.adopt_rules(json.dumps({"version": "1", "slots": {"*": {"purchased": "drop"}}}))
    old = profile(*ITEMS)
    learn(stepper, blob(old))
    bought = stepper.get(ASK, cookie=COOKIE).ids[0]
    sent_by(stepper, event(item=bought, type="purchase"))
    assert bought not in stepper.get(f"{ASK}&items={ITEMS[0]}".replace('"', "%22"), cookie=COOKIE).ids
    again = stepper.get(ASK, cookie=COOKIE)
    assert again.background == 0, "the request before has it"
    stepper.now_ms += 4001
    asked = stepper.resume(stepper.get(ASK, cookie=COOKIE))
    assert asked.effect["url"] == BLOB, "not from the point of presence, which cannot have it yet"
    stepper.resume(asked, blob(old))
    after = stepper.get(ASK, cookie=COOKIE)
    assert bought not in after.ids
    assert after.background == 0


def test_what_the_origin_has_folded_is_not_folded_twice() -> None:
    stepper = with_model()
    sent_by(stepper, event(item=ITEMS[0]), event(2, item=ITEMS[1]))
    there = EMPTY
    for n, item in ((1, ITEMS[0]), (2, ITEMS[1])):
        there = fold(there, Event(f"e-{n}", "v-1", "view", NOW - 1000 + n, item))
    stepper.resume(stepper.resume(stepper.get(ASK, cookie=COOKIE)), blob(there))
    held = stepper.worker._isolate.profiles.get("v-1")
    assert held is not None
    assert held.profile == there


def test_a_visitor_who_is_new_to_the_origin_is_known_here() -> None:
    stepper = with_model()
    sent_by(stepper, event(item=ITEMS[0]))
    stepper.resume(stepper.resume(stepper.get(ASK, cookie=COOKIE)), reply(404))
    assert stepper.get(ASK, cookie=COOKIE).body == expected("n=5", (ITEMS[0],))


def test_forged_and_missing_cookies_cost_no_fetch() -> None:
    stepper = with_model()
    for cookie in ("", "doorstep_visitor=v-1.AAAA", "doorstep_visitor=", "a=doorstep_visitor"):
        assert stepper.get(ASK, cookie=cookie).background == 0


def test_profiles_can_be_turned_off() -> None:
    for settings in ({"profile_ttl_s": "0"}, {"origin_url": ""}):
        stepper = with_model(**settings)
        assert stepper.get(ASK, cookie=COOKIE).background == 0


def test_an_origin_that_fails_is_left_alone_for_a_while_and_answers_go_on() -> None:
    stepper = with_model()
    for _ in range(3):
        stepper.resume(fetching(stepper, stepper.get(ASK, cookie=COOKIE)), failed="refused")
    assert fetching(stepper, stepper.get(ASK, cookie=COOKIE)).effect == {}
    stepper.now_ms += 2001
    asked = fetching(stepper, stepper.get(ASK, cookie=COOKIE))
    stepper.resume(asked, blob(profile(*ITEMS)))
    assert stepper.get(ASK, cookie=COOKIE).background == 0


def test_what_is_no_profile_is_passed_by() -> None:
    stepper = with_model()
    for answer in (reply(200, "?"), reply(200, "AAAA"), reply(500), reply(401)):
        learn(stepper, answer)
        assert stepper.get(ASK).body == expected("n=5")
        stepper.now_ms += 4001


def test_after_an_erasure_nothing_is_held_here() -> None:
    stepper = with_model()
    learn(stepper, blob(profile(*ITEMS)))
    sent_by(stepper, event(item=ITEMS[0]))
    said = stepper.resume(stepper.get("/v1/me", method="DELETE", cookie=COOKIE), reply(202, "{}"))
    profiles = stepper.worker._isolate.profiles
    assert (profiles.get("v-1"), "v-1" in profiles._pending) == (None, False)
    nearby = stepper.resume(said)
    assert (nearby.effect["do"], nearby.effect["key"], nearby.effect["body"]) == ("cache_put", KEY, "")
    assert stepper.get(ASK, cookie=COOKIE).body == expected("n=5")


def test_a_fetch_that_is_overtaken_by_an_erasure_keeps_nothing() -> None:
    stepper = with_model()
    asked = fetching(stepper, stepper.get(ASK, cookie=COOKIE))
    stepper.resume(stepper.get("/v1/me", method="DELETE", cookie=COOKIE), reply(202, "{}"))
    assert stepper.resume(asked, blob(profile(*ITEMS))).effect == {}
    assert stepper.worker._isolate.profiles.get("v-1") is None


def test_a_failed_erasure_changes_nothing() -> None:
    stepper = with_model()
    learn(stepper, blob(profile(*ITEMS)))
    assert stepper.resume(stepper.get("/v1/me", method="DELETE", cookie=COOKIE), reply(503)).background == 0
    assert stepper.worker._isolate.profiles.get("v-1") is not None


def test_the_profile_and_the_model_are_brought_up_to_date_behind_one_answer() -> None:
    stepper = with_model(refresh_s="15")
    said = stepper.get(ASK, cookie=COOKIE)
    asked = fetching(stepper, said)
    stored = stepper.resume(asked, blob(profile(*ITEMS)))
    assert stepper.resume(stored).effect["url"] == f"{ORIGIN}/v1/rules/current"


def test_what_is_kept_of_visitors_is_bounded() -> None:
    stepper = with_model()
    isolate = stepper.worker._isolate
    held = profile(*[f"item-{n}" for n in range(40)])
    for n in range(5000):
        isolate.profiles._keep(f"v-{n}", held, stepper.now_ms)
        isolate.profiles.note(f"v-{n}", [Event(f"e-{k}", "", "view", NOW, "x") for k in range(5)])
        isolate.visitors.of(f"doorstep_visitor={sign(SECRET, f'v-{n}')}")
        isolate.visitors.of(f"doorstep_visitor=forged{n}.AAAA")
    assert 0 < isolate.profiles._held.currsize <= 4 * 2**20
    assert 0 < isolate.profiles._pending.currsize <= 2048
    assert len(isolate.visitors._verified) == 4096


def test_without_a_model_the_origin_is_asked_as_the_visitor_and_its_answer_is_theirs_alone() -> None:
    stepper = edge()
    asked = stepper.get(ASK, cookie=COOKIE)
    assert asked.effect["url"] == f"{ORIGIN}/v1/recommend?n=5"
    assert asked.effect["headers"] == {"cookie": COOKIE}
    mine = '{"items":[{"id":"mine"}]}'
    assert stepper.resume(asked, reply(200, mine, doorstep_layer="origin", doorstep_model="m")).body == mine
    nobody = stepper.get(ASK)
    assert nobody.effect["do"] == "cache_get", "nothing of it was kept"
    assert stepper.resume(nobody).effect["headers"] == {}


def test_without_a_model_and_an_origin_a_known_visitor_gets_what_is_kept_for_everybody() -> None:
    stepper = edge()
    everybody = '{"items":[{"id":"popular"}]}'
    asked = stepper.resume(stepper.get(ASK))
    given = stepper.resume(asked, reply(200, everybody, doorstep_layer="origin", doorstep_model="m"))
    stepper.resume(given)
    asked = stepper.get(ASK, cookie=COOKIE)
    answered = stepper.resume(asked, failed="no connection")
    assert (answered.body, answered.layer) == (everybody, "isolate")
