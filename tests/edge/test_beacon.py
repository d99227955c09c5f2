"""The way of an event at the edge, stepped by hand: what is asked of the origin, answered, set and folded when."""

import json
from typing import Any

import pytest

from shared.visitor import edge_token, sign, verify
from tests.edge.stepper import CHROME, Said, Stepper, reply
from tests.models import make_model, model_bytes

MODEL = make_model()
ORIGIN = "http://origin.test"
SECRET = "a secret of the test"
NOW = 1_763_700_000_000
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def edge(**settings: str) -> Stepper:
    bindings = {"origin_url": ORIGIN, "secret": SECRET, "refresh_s": "0", **settings}
    stepper = Stepper(**{name: value for name, value in bindings.items() if value})
    stepper.now_ms = float(NOW)
    return stepper


def event(n: int = 1, **fields: Any) -> dict[str, Any]:
    return {"id": f"e-{n}", "type": "view", "item": f"i{n}", "time": NOW - 1000 + n, **fields}


def batch(*events: Any, **more: Any) -> str:
    return json.dumps({"events": events, **more})


def taken(accepted: int, duplicates: int = 0, rejected: tuple[Any, ...] = (), **headers: str) -> str:
    """What an origin answers."""
    body = {"accepted": accepted, "duplicates": duplicates, "rejected": rejected}
    return reply(202, json.dumps(body), **headers)


def sent(said: Said) -> dict[str, Any]:
    """The body that goes to the origin."""
    assert (said.effect["do"], said.effect["url"]) == ("fetch", f"{ORIGIN}/v1/events")
    body: dict[str, Any] = json.loads(said.effect["body"])
    return body


def jar(said: Said, *others: str) -> str:
    return "; ".join([*(f"{name}={value}" for name, value in said.cookies.items() if value), *others])


def code(said: Said) -> tuple[int, str, bool]:
    problem = said.json
    assert said.headers["content-type"] == "application/problem+json"
    assert problem["status"] == said.status
    return said.status, problem["code"], problem["retry"]


def test_a_batch_goes_to_the_origin_checked_and_stamped_and_its_answer_comes_back() -> None:
    stepper = edge()
    asked = stepper.post(batch(event(1, slot="home"), event(2)), country="SE", colo="ARN", traceparent=TRACE)
    assert asked.effect["method"] == "POST"
    assert asked.effect["headers"] == {
        "authorization": f"Bearer {edge_token(SECRET)}", "content-type": "application/json", "traceparent": TRACE,
    }  # fmt: skip
    assert asked.effect["timeout_ms"] == 3000
    body = sent(asked)
    visitor = body["visitor"]
    assert body["context"] == {
        "country": "SE", "device": "desktop", "edge": "ARN", "bot": False, "consent": "full", "trace": TRACE,
    }  # fmt: skip
    assert (body["consent"], "sent" in body) == ("full", False)
    assert body["events"][0] == event(1, slot="home", visitor=visitor)
    answered = stepper.resume(asked, taken(2))
    assert (answered.status, answered.json) == (202, {"accepted": 2, "duplicates": 0, "rejected": []})
    assert answered.headers["cache-control"] == "no-store"
    assert verify(SECRET, answered.cookies["doorstep_visitor"]) == visitor
    assert answered.cookies["doorstep_history"] == "i2,i1"


@pytest.mark.parametrize("content_type", ["application/json", "text/plain;charset=UTF-8", "", "Application/JSON"])
def test_content_types_that_a_page_may_use(content_type: str) -> None:
    assert edge().post(batch(event()), content_type=content_type).effect


@pytest.mark.parametrize(
    ("body", "content_type", "told"),
    [
        (batch(event()), "application/x-www-form-urlencoded", (415, "unsupported_media_type", False)),
        ("{", "", (400, "bad_json", False)),
        ("[]", "", (400, "bad_batch", False)),
        ('{"events":{}}', "", (400, "bad_batch", False)),
        (batch(consent="yes"), "", (400, "bad_consent", False)),
        (batch(*[event(n) for n in range(51)]), "", (413, "too_many_events", False)),
        ("[" * 100_000, "", (400, "bad_json", False)),
    ],
)
def test_a_batch_that_is_wrong_as_a_whole(body: str, content_type: str, told: tuple[int, str, bool]) -> None:
    said = edge().post(body, content_type=content_type)
    assert code(said) == told
    assert said.cookies == {}


def test_brackets_in_texts_are_no_nesting() -> None:
    texts = [event(n, name='[{"' * 10 + "\\", type="custom") for n in range(50)]
    assert len(sent(edge().post(batch(*texts)))["events"]) == 50
    nested = '{"events":[],"x":' + "[" * 198 + "]" * 198
    assert edge().post(nested + "}").status == 202
    assert code(edge().post(nested.replace("[]", "[[[]]]") + "}")) == (400, "bad_json", False)


def test_other_methods() -> None:
    stepper = edge()
    assert stepper.get("/v1/events", method="OPTIONS").headers == {"allow": "POST, OPTIONS"}
    refused = stepper.get("/v1/events")
    assert (code(refused)[:2], refused.headers["allow"]) == ((405, "method_not_allowed"), "POST, OPTIONS")


@pytest.mark.parametrize("missing", ["secret", "origin_url"])
def test_without_secret_or_origin_events_are_refused_and_it_is_said_why(missing: str) -> None:
    said = edge(**{missing: ""}).post(batch(event()))
    assert code(said) == (503, "no_secret" if missing == "secret" else "no_origin", False)
    assert "retry-after" not in said.headers


def test_a_rejected_event_costs_the_others_nothing() -> None:
    stepper = edge()
    asked = stepper.post(batch(event(1), event(2, item="a,b"), "no event", event(1), event(5)))
    assert [e["id"] for e in sent(asked)["events"]] == ["e-1", "e-5"]
    from_origin = ({"index": 1, "code": "odd", "detail": "an origin may know more"},)
    said = stepper.resume(asked, taken(1, 0, from_origin)).json
    assert (said["accepted"], said["duplicates"]) == (1, 1)
    assert [(r["index"], r["code"]) for r in said["rejected"]] == [(1, "bad_item"), (2, "bad_event"), (4, "odd")]


def test_when_every_event_is_rejected_nothing_is_forwarded() -> None:
    said = edge().post(batch(event(item=None), {"type": "fly"}, event(id="\ud800")))
    assert (said.status, said.json["accepted"], len(said.json["rejected"])) == (202, 0, 3)
    assert (said.cookies, said.effect) == ({}, {})


def test_an_empty_batch_is_taken() -> None:
    said = edge().post(batch())
    assert (said.status, said.json["accepted"], said.effect) == (202, 0, {})


def test_clocks_that_are_wrong_are_corrected() -> None:
    stepper = edge()
    hour = 3_600_000
    asked = stepper.post(batch(event(time=NOW + hour - 500), event(2, time=NOW - 30 * 24 * hour), sent=NOW + hour))
    first, second = [e["time"] for e in sent(asked)["events"]]
    assert (first, second) == (NOW - 500, NOW - 7 * 24 * hour)


# --- consent ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "cookie", "gpc", "setting", "consent"),
    [
        (None, "", "", "full", "full"),
        (None, "", "", "session", "session"),
        (None, "", "1", "full", "session"),
        (None, "", "1", "none", "none"),
        (None, "", "0", "full", "full"),
        (None, "doorstep_consent=full", "1", "none", "full"),
        (None, "doorstep_consent=none", "", "full", "none"),
        (None, "doorstep_consent=maybe", "", "session", "session"),
        ("full", "doorstep_consent=none", "1", "none", "full"),
        ("none", "doorstep_consent=full", "", "full", "none"),
    ],
)
def test_consent_is_said_by_body_cookie_browser_and_setting_in_this_order(
    said: str | None, cookie: str, gpc: str, setting: str, consent: str
) -> None:
    more = {"consent": said} if said else {}
    asked = edge(consent=setting).post(batch(event(), **more), cookie=cookie, gpc=gpc)
    if consent == "none":
        assert asked.json == {"accepted": 0, "duplicates": 0, "rejected": [], "withheld": 1}
    else:
        assert (sent(asked)["consent"], sent(asked)["context"]["consent"]) == (consent, consent)
        assert sent(asked)["visitor"].startswith("~") == (consent == "session")


def test_without_consent_nothing_is_passed_on_and_what_the_browser_held_is_taken_away() -> None:
    stepper = edge()
    cookie = f"doorstep_visitor={sign(SECRET, 'v-1')}; doorstep_history=a; doorstep_consent=none"
    said = stepper.post(batch(event(), event(2)), cookie=cookie)
    assert (said.status, said.effect, said.background) == (202, {}, 0)
    assert said.json["withheld"] == 2
    assert said.cookies == {"doorstep_visitor": "", "doorstep_history": ""}
    assert stepper.post(batch(event(), consent="none")).cookies == {}


def test_a_change_of_consent_is_a_change_of_visitor() -> None:
    stepper = edge()
    full = stepper.resume(stepper.post(batch(event())), taken(1))
    session = stepper.post(batch(event(2), consent="session"), cookie=jar(full))
    assert sent(session)["visitor"].startswith("~")
    now = stepper.resume(session, taken(1))
    assert now.cookies["doorstep_visitor"] != full.cookies["doorstep_visitor"]
    back = stepper.post(batch(event(3), consent="full"), cookie=jar(now))
    assert not sent(back)["visitor"].startswith("~")


def test_cookies_last_as_long_as_the_consent() -> None:
    stepper = edge()

    def lines(consent: str) -> list[str]:
        asked = stepper.post(batch(event(), consent=consent))
        message = stepper.worker.resume(asked.ticket, stepper.now_ms, "", taken(1))
        return [line for line in message.splitlines() if line.startswith("set-cookie: ")]

    visitor, history = lines("full")
    assert "HttpOnly" in visitor
    assert "HttpOnly" not in history
    assert all("; Max-Age=31536000" in line and "; SameSite=Lax" in line for line in (visitor, history))
    assert not any("Max-Age" in line for line in lines("session"))


@pytest.mark.parametrize(("scheme", "secure"), [("https", True), ("http", False), ("", False)])
def test_cookies_are_secure_where_the_browser_came_by_https(scheme: str, secure: bool) -> None:
    stepper = edge()

    def lines(message: str) -> list[str]:
        return [line for line in message.splitlines() if line.startswith("set-cookie: ")]

    asked = stepper.post(batch(event()), scheme=scheme)
    set_ = lines(stepper.worker.resume(asked.ticket, stepper.now_ms, "", taken(1)))
    head = ("POST", "/v1/events", "doorstep_visitor=x; doorstep_history=a", "", *[""] * 7, scheme)
    taken_away = lines(stepper.worker.begin(stepper.now_ms, "\n".join(head), batch(event(), consent="none")))
    assert [line.split("; ").count("Secure") for line in (*set_, *taken_away)] == [int(secure)] * 4


def test_the_origin_is_told_what_the_browser_spoke() -> None:
    asked = edge().post("", target="/v1/me", method="DELETE", scheme="https")
    assert asked.effect["headers"]["x-forwarded-proto"] == "https"


# --- visitors and senders --------------------------------------------------------------------------------------------


def test_the_batch_sent_again_makes_no_second_visitor() -> None:
    stepper = edge()
    first = sent(stepper.post(batch(event(), event(2))))["visitor"]
    assert sent(stepper.post(batch(event(), event(2))))["visitor"] == first
    others = [
        stepper.post(batch(event(2))),
        stepper.post(batch(event()), address="192.0.2.8"),
        stepper.post(batch(event()), user_agent="Mozilla/5.0 (Windows NT 10.0)"),
    ]
    assert len({first, *(sent(said)["visitor"] for said in others)}) == 4


def test_a_known_visitor_stays_and_gets_no_second_cookie() -> None:
    stepper = edge()
    asked = stepper.post(batch(event()), cookie=f"doorstep_visitor={sign(SECRET, 'customer-7')}")
    assert sent(asked)["visitor"] == "customer-7"
    assert stepper.resume(asked, taken(1)).cookies == {"doorstep_history": "i1"}


@pytest.mark.parametrize("token", ["customer-7", "customer-7.AAAA", sign("another secret", "customer-7"), "%FF.x", "."])
def test_a_forged_cookie_is_as_good_as_none(token: str) -> None:
    asked = edge().post(batch(event()), cookie=f"doorstep_visitor={token}")
    assert sent(asked)["visitor"] == sent(edge().post(batch(event())))["visitor"]


def test_programs_are_flagged_and_never_dropped() -> None:
    stepper = edge()
    asked = stepper.post(batch(event()), user_agent="Mozilla/5.0 (compatible; Googlebot/2.1)")
    assert sent(asked)["context"]["bot"] is True
    assert stepper.resume(asked, taken(1)).json["accepted"] == 1
    assert sent(stepper.post(batch(event()), user_agent=CHROME))["context"]["bot"] is False


@pytest.mark.parametrize(("country", "kept"), [("SE", "SE"), ("se", "SE"), ("XX", ""), ("T1", ""), ("Sweden", "")])
def test_countries(country: str, kept: str) -> None:
    assert sent(edge().post(batch(event()), country=country))["context"]["country"] == kept


def test_a_traceparent_that_is_none_is_not_passed_on() -> None:
    asked = edge().post(batch(event()), traceparent="00-" + "0" * 32 + "-b7ad6b7169203331-01")
    assert sent(asked)["context"]["trace"] == ""
    assert "traceparent" not in asked.effect["headers"]


# --- rates -----------------------------------------------------------------------------------------------------------


def test_a_sender_has_so_many_events_a_minute() -> None:
    stepper = edge(events_per_minute="5")
    cookie = f"doorstep_visitor={sign(SECRET, 'v')}"
    assert stepper.post(batch(*map(event, range(3))), cookie=cookie).effect
    stepper.now_ms += 20_500
    refused = stepper.post(batch(*map(event, range(3))), cookie=cookie)
    assert code(refused) == (429, "too_many_events", True)
    assert refused.headers["retry-after"] == "40"
    assert stepper.post(batch(event(), event(2)), cookie=cookie).effect, "what was refused was not counted"
    assert stepper.post(batch(event(), event(2)), cookie=f"doorstep_visitor={sign(SECRET, 'w')}").effect
    stepper.now_ms += 39_500
    assert stepper.post(batch(*map(event, range(3))), cookie=cookie).effect


def test_without_a_visitor_the_address_counts() -> None:
    stepper = edge(events_per_minute="5")
    assert stepper.post(batch(*map(event, range(4)))).effect
    assert code(stepper.post(batch(event(9), event(10))))[0] == 429
    assert code(stepper.post(batch(event(9), event(10)), cookie="doorstep_visitor=made.up"))[0] == 429
    assert stepper.post(batch(event(9), event(10)), address="192.0.2.9").effect
    for n in range(20):
        assert stepper.post(batch(event(n)), address="").effect, "nobody's address tells nobody apart"


def test_a_batch_larger_than_the_rate_can_be_sent_at_all() -> None:
    stepper = edge(events_per_minute="2")
    assert stepper.post(batch(*map(event, range(9)))).effect
    assert code(stepper.post(batch(event())))[0] == 429


def test_senders_counted_are_bounded() -> None:
    stepper = edge()
    for n in range(9000):
        stepper.worker.close(stepper.post(batch(event()), address=f"a{n}").ticket)
    assert len(stepper.worker._isolate.rates._counts) == 8192


# --- the origin is away ----------------------------------------------------------------------------------------------


def test_one_repeat_within_the_deadline_then_it_is_the_senders_turn() -> None:
    stepper = edge()
    asked = stepper.post(batch(event()))
    stepper.now_ms += 1200
    again = stepper.resume(asked, failed="connection refused")
    assert (again.effect["body"], again.effect["timeout_ms"]) == (asked.effect["body"], 1800)
    said = stepper.resume(again, failed="connection refused")
    assert code(said) == (503, "origin_unavailable", True)
    assert (said.headers["retry-after"], said.cookies) == ("1", {})


def test_a_repeat_that_succeeds_is_not_noticed() -> None:
    stepper = edge()
    again = stepper.resume(stepper.post(batch(event())), reply(503, "{}"))
    said = stepper.resume(again, taken(0, duplicates=1))
    assert (said.status, said.json["accepted"], said.json["duplicates"]) == (202, 0, 1)
    assert "doorstep_visitor" in said.cookies


def test_without_time_left_there_is_no_repeat() -> None:
    stepper = edge(events_deadline_ms="500")
    asked = stepper.post(batch(event()))
    assert asked.effect["timeout_ms"] == 500
    stepper.now_ms += 480
    assert code(stepper.resume(asked, failed="timeout")) == (503, "origin_unavailable", True)


@pytest.mark.parametrize(
    ("answer", "told", "after"),
    [
        (reply(429, "", retry_after="7"), (503, "origin_busy", True), "7"),
        (reply(401, ""), (503, "origin_refuses", True), "30"),
        (reply(202, "<html>"), (503, "origin_unclear", True), "1"),
        (reply(202, '{"accepted":1,"duplicates":0,"rejected":[{"index":9,"code":"x","detail":""}]}'),
         (503, "origin_unclear", True), "1"),
        (reply(413, '{"code":"body_too_large","status":413,"retry":false}', content_type="application/problem+json"),
         (413, "body_too_large", False), None),
    ],
)  # fmt: skip
def test_other_answers_of_the_origin(answer: str, told: tuple[int, str, bool], after: str | None) -> None:
    stepper = edge()
    said = stepper.resume(stepper.post(batch(event())), answer)
    assert code(said) == told
    assert (said.headers.get("retry-after"), said.cookies) == (after, {})


def test_an_origin_that_says_when_to_come_back() -> None:
    stepper = edge()
    busy = reply(503, "", retry_after="9")
    assert stepper.resume(stepper.resume(stepper.post(batch(event())), busy), busy).headers["retry-after"] == "9"


def fail(stepper: Stepper) -> None:
    asked = stepper.post(batch(event()))
    code(stepper.resume(stepper.resume(asked, failed="refused"), failed="refused"))


def test_the_breaker_of_events_is_not_that_of_answers() -> None:
    stepper = edge()
    for _ in range(3):
        fail(stepper)
    said = stepper.post(batch(event()))
    assert (code(said), said.headers["retry-after"]) == ((503, "origin_unavailable", True), "2")
    assert stepper.resume(stepper.get("/v1/recommend")).effect["url"].startswith(f"{ORIGIN}/v1/recommend")
    stepper.now_ms += 2001
    assert stepper.resume(stepper.post(batch(event())), taken(1)).status == 202
    assert stepper.post(batch(event())).effect


# --- the next answer -------------------------------------------------------------------------------------------------


def test_the_next_answer_reflects_the_click() -> None:
    stepper = edge(profile_ttl_s="0")
    stepper.adopt(model_bytes())
    item = MODEL.id(9).replace('"', "%22")
    before = stepper.get("/v1/recommend?n=5")
    asked = stepper.post(batch(event(type="click", item=MODEL.id(9))))
    after = stepper.get("/v1/recommend?n=5", cookie=jar(stepper.resume(asked, taken(1))))
    assert after.body == stepper.get(f"/v1/recommend?n=5&items={item}").body
    assert (after.body != before.body, MODEL.id(9) in after.ids) == (True, False)


def test_the_history_is_the_newest_first_and_at_most_20() -> None:
    stepper = edge()
    cookie = "doorstep_history=" + ",".join(f"old{n}" for n in range(20))
    events = [
        event(1, item="b", time=NOW - 10),
        event(2, item="a", time=NOW - 20),
        event(3, item="b", type="cart", time=NOW - 5),
        event(4, item="c", type="purchase", time=NOW - 1),
        event(5, item="seen", type="impression", time=NOW),
        event(6, item="gone", type="uncart", time=NOW),
        event(7, type="search", item=None, query="x", time=NOW),
    ]
    said = stepper.resume(stepper.post(batch(*events), cookie=cookie), taken(7))
    history = said.cookies["doorstep_history"].split(",")
    assert history == ["c", "b", "a", *(f"old{n}" for n in range(17))]


def test_what_says_nothing_of_interest_sets_no_history() -> None:
    stepper = edge()
    cookie = f"doorstep_visitor={sign(SECRET, 'v')}; doorstep_history=a"
    asked = stepper.post(batch(event(type="impression")), cookie=cookie)
    assert stepper.resume(asked, taken(1)).cookies == {}


# --- tracing ---------------------------------------------------------------------------------------------------------


def test_a_trace_is_continued_and_told() -> None:
    stepper = edge(otlp_url="http://collector.test/")
    asked = stepper.post(batch(event()), traceparent=TRACE)
    trace = asked.effect["headers"]["traceparent"]
    assert sent(asked)["context"]["trace"] == trace
    _, trace_id, span_id, flags = trace.split("-")
    assert (trace_id, flags) == (TRACE.split("-")[1], "01")
    stepper.now_ms += 25
    exported = stepper.resume(stepper.resume(asked, taken(1)))
    assert (exported.effect["url"], exported.effect["method"]) == ("http://collector.test/v1/traces", "POST")
    (span,) = json.loads(exported.effect["body"])["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert (span["traceId"], span["spanId"], span["parentSpanId"]) == (trace_id, span_id, TRACE.split("-")[2])
    assert int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"]) == 25_000_000
    assert span["attributes"][0]["value"] == {"intValue": "202"}
    assert stepper.resume(exported, failed="no collector").status == 0


def test_a_trace_is_begun_and_errors_are_told_too() -> None:
    stepper = edge(otlp_url="http://collector.test")
    traces = {stepper.post(batch(event(n))).effect["headers"]["traceparent"].split("-")[1] for n in range(5)}
    assert len(traces) == 5
    said = stepper.post("{")
    body = json.loads(stepper.resume(said).effect["body"])
    assert body["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"][0]["value"] == {"intValue": "400"}
    assert code(said)[0] == 400


def test_an_unsampled_trace_is_passed_on_and_not_exported() -> None:
    stepper = edge(otlp_url="http://collector.test")
    asked = stepper.post(batch(event()), traceparent=TRACE[:-2] + "00")
    assert asked.effect["headers"]["traceparent"].endswith("-00")
    assert stepper.resume(asked, taken(1)).background == 0


# --- what only the origin answers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["/v1/me?a=b", "/v1/schema", "/v1/erasures/r-1_A"])
def test_passed_to_the_origin_and_back(target: str) -> None:
    stepper = edge()
    asked = stepper.get(target, cookie="a=b")
    assert (asked.effect["url"], asked.effect["headers"]) == (ORIGIN + target, {"cookie": "a=b"})
    said = stepper.resume(asked, reply(200, "{}", content_type="application/json", set_cookie="x=1; Path=/\ny=2"))
    assert (said.status, said.body, said.headers["cache-control"]) == (200, "{}", "no-store")
    assert said.cookies == {"x": "1", "y": "2"}
    away = stepper.resume(stepper.get(target), failed="refused")
    assert (code(away), away.headers["retry-after"]) == ((503, "origin_unavailable", True), "1")


@pytest.mark.parametrize("target", ["/v1/erasures/", "/v1/erasures/..", "/v1/erasures/a/b", "/v1/erasures/%2e%2e"])
def test_only_receipts_are_passed(target: str) -> None:
    assert code(edge().get(target))[:2] == (404, "not_found")


def test_an_edge_without_an_origin_says_so() -> None:
    assert code(edge(origin_url="").get("/v1/me")) == (503, "no_origin", False)
