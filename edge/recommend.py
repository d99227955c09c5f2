"""The way of an answer at the edge, top to bottom: isolate cache, the model in memory, then whoever else can answer.

With a model in memory nothing is awaited. The ``cdn`` layer holds only answers that cost a round trip to the origin:
looking there first would cost more than computing (docs/decisions/0001-no-await-before-computing.md).
"""

from functools import partial
from typing import NamedTuple
from urllib.parse import quote

from edge.effects import EffectFailed, Reply, cache_get, cache_put, fetch
from edge.http import Request, Response
from edge.isolate import Isolate
from shared.answer import Question, key, parse_question, render
from shared.errors import BadInput, NotInModel
from shared.visitor import history_from_cookie

_FINAL = (200, 400, 414, 422)
"""The origin's answers that nobody else could better: a list, or what is wrong with the question."""
_CDN_KEY = "https://doorstep.internal/answers/"


class Asked(NamedTuple):
    """A question with what it needs on its way: the history that counts, its cache key, and how to ask the origin."""

    question: Question
    history: tuple[str, ...]
    key: str
    query: str


async def recommend(isolate: Isolate, request: Request) -> Response:
    """Answer ``GET /v1/recommend``. Raises :class:`BadInput`; everything else ends in a list."""
    started = isolate.stopwatch()
    question = parse_question(request.query)
    history = question.items if question.items is not None else history_from_cookie(request.cookie)
    decider = isolate.models.current
    name = decider.model.name if decider else ""
    asked_key = key(question, history, name, isolate.models.rules.version, None)
    stored = isolate.answers.get(asked_key)
    if stored is not None and isolate.answers.fresh(stored):
        return isolate.answer("isolate", stored.model, stored.body, started)
    if decider is not None:
        try:
            body = render(decider.decide(question, history))
        except BadInput:
            raise
        except NotInModel:
            pass  # the origin may know more, or says the same with its own words
        except Exception as error:
            isolate.report(f"could not decide: {error!r}")
        else:
            isolate.answers.put(asked_key, body, name)
            return isolate.answer("edge", name, body, started)
    asked = Asked(question, history, asked_key, _query_for_origin(request.query, question, history))
    return await _from_elsewhere(isolate, asked, started)


async def _from_elsewhere(isolate: Isolate, asked: Asked, started: float) -> Response:
    """Stale from the isolate while one request refreshes it; the point of presence; the origin; stale; popular."""
    stored = isolate.answers.get(asked.key)
    if stored is not None and isolate.answers.claim(asked.key):
        response = isolate.answer("isolate", stored.model, stored.body, started)
        return response._replace(background=partial(_refresh, isolate, asked))
    if stored is not None:
        return isolate.answer("isolate", stored.model, stored.body, started)
    shared = len(asked.history) <= isolate.settings.shared_history_max
    kept = await _from_cdn(isolate, asked) if shared else None
    if kept is not None:
        age_ms = isolate.now_ms - float(kept.headers.get("doorstep-stored", "0"))
        isolate.answers.put(asked.key, kept.body, kept.headers.get("doorstep-model", ""))
        response = isolate.answer("cdn", kept.headers.get("doorstep-model", ""), kept.body, started)
        stale = age_ms >= isolate.settings.cdn_ttl_s * 1000 and isolate.answers.claim(asked.key)
        return response._replace(background=partial(_refresh, isolate, asked)) if stale else response
    reply = await ask_origin(isolate, asked.query)
    if reply is not None and reply.status != 200:
        return Response(reply.status, {"content-type": reply.headers.get("content-type", "")}, reply.body)
    if reply is not None:
        layer, model = reply.headers.get("doorstep-layer", "origin"), reply.headers.get("doorstep-model", "")
        response = isolate.answer(layer, model, reply.body, started)
        return response._replace(background=partial(_keep, isolate, asked, reply))
    return _popular(isolate, asked, started)


async def ask_origin(isolate: Isolate, query: str) -> Reply | None:
    """The origin's final answer, or None if it has none within the deadline or the breaker is open."""
    if not isolate.settings.origin_url or not isolate.breaker.allows(isolate.now_ms):
        return None
    url = f"{isolate.settings.origin_url}/v1/recommend?{query}"
    try:
        reply: Reply = await fetch(url, isolate.settings.origin_deadline_ms)
    except EffectFailed as error:
        isolate.breaker.failed(isolate.now_ms)
        isolate.report(f"the origin did not answer: {error}")
        return None
    if reply.status in _FINAL:
        isolate.breaker.succeeded()
        return reply
    isolate.breaker.failed(isolate.now_ms)
    isolate.report(f"the origin answered {reply.status}")
    return None


async def _from_cdn(isolate: Isolate, asked: Asked) -> Reply | None:
    try:
        reply: Reply = await cache_get(_CDN_KEY + quote(asked.key, safe=""))
    except EffectFailed as error:
        isolate.report(f"the cdn cache did not answer: {error}")
        return None
    return reply if reply.status == 200 else None


async def _refresh(isolate: Isolate, asked: Asked) -> None:
    """Replace a stale answer, after it was served."""
    reply = await ask_origin(isolate, asked.query)
    if reply is not None and reply.status == 200:
        await _keep(isolate, asked, reply)
    isolate.answers.release(asked.key)


async def _keep(isolate: Isolate, asked: Asked, reply: Reply) -> None:
    """Keep an origin's answer in the isolate, and at the point of presence if others may ask the same."""
    model = reply.headers.get("doorstep-model", "")
    if reply.headers.get("doorstep-layer") == "popular":
        return  # the origin's own last resort is not worth remembering
    isolate.answers.put(asked.key, reply.body, model)
    if len(asked.history) > isolate.settings.shared_history_max:
        return
    headers = {
        "content-type": "application/json",
        "cache-control": f"public, max-age={isolate.settings.cdn_stale_s}",
        "doorstep-model": model,
        "doorstep-stored": str(isolate.now_ms),
    }
    await cache_put(_CDN_KEY + quote(asked.key, safe=""), headers, reply.body)


def _popular(isolate: Isolate, asked: Asked, started: float) -> Response:
    """The last resort: the model's own list, or the one that was built into the bundle."""
    decider = isolate.models.current
    if decider is not None:
        try:
            return isolate.answer("popular", decider.model.name, render(decider.popular(asked.question)), started)
        except Exception as error:
            isolate.report(f"could not list what is popular: {error!r}")
    return Response(0, {}, "")


def _query_for_origin(query: str, question: Question, history: tuple[str, ...]) -> str:
    """The same question with its history spelled out, for the origin sees no cookie of ours."""
    if question.items is not None or not history:
        return query
    return f"{query}{'&' if query else ''}items={quote(','.join(history), safe=',')}"
