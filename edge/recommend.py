"""The way of an answer at the edge, top to bottom: isolate cache, the model in memory, then whoever else can answer.

With a model in memory nothing is awaited. The ``cdn`` layer holds only answers that cost a round trip to the origin:
looking there first would cost more than computing (docs/decisions/0001-no-await-before-computing.md).

A visitor whose profile is held here gets an answer of their own; a profile that is not held is fetched afterwards.
"""

from collections.abc import Coroutine
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import quote

from edge.cache import Stored
from edge.effects import EffectFailed, Reply, cache_get, cache_put, fetch
from edge.http import Request, Response, with_background
from edge.isolate import Isolate
from edge.profiles import Held
from shared.answer import Question, key, parse_question, render
from shared.errors import BadInput, NotInModel
from shared.profile import NOTHING, recall
from shared.visitor import VISITOR_COOKIE, cookie, history_cookie, history_from_cookie

_FINAL = (200, 400, 414, 422)
"""The origin's answers that nobody else could better: a list, or what is wrong with the question."""
_CDN_KEY = "https://doorstep.internal/answers/"


class Asked(NamedTuple):
    """A question on its way, with everything that its answer depends on."""

    question: Question
    history: tuple[str, ...]
    shared: bool
    """Whether others are likely to ask the same, so that the answer is worth keeping for them."""
    model: str
    rules: str
    query: str
    token: str = ""
    """The signed cookie of the visitor who asks: the origin may know more of them, and its answer is theirs alone."""

    @property
    def key(self) -> str:
        """What the answer is kept under."""
        return key(self.question, self.history, self.model, self.rules, None)

    @property
    def for_origin(self) -> str:
        """The query string with the history spelled out, for the origin sees no cookie of ours."""
        if self.question.items is not None or not self.history:
            return self.query
        return f"{self.query}{'&' if self.query else ''}items={quote(','.join(self.history), safe=',')}"


def recommend(isolate: Isolate, request: Request) -> Coroutine[Any, Any, Response]:
    """Answer ``GET /v1/recommend``. Raises :class:`BadInput`; everything else ends in a list."""
    if VISITOR_COOKIE in request.cookie and isolate.profiles.on:
        return _to_visitor(isolate, request)
    return _answer(isolate, request)


async def _to_visitor(isolate: Isolate, request: Request) -> Response:
    """The answer with what is held of the visitor now; the request that finds it missing or stale fetches it behind."""
    visitor = isolate.visitors.of(request.cookie)
    if visitor is None:
        return await _answer(isolate, request)
    token = cookie(request.cookie, VISITOR_COOKIE)
    response = await _answer(isolate, request, isolate.profiles.get(visitor), token)
    return with_background(response, isolate.profiles.due(visitor))


async def _answer(isolate: Isolate, request: Request, held: Held | None = None, token: str = "") -> Response:
    """``held`` is the visitor's profile, if it is known; nothing that was made with it is kept for others."""
    started = isolate.stopwatch()
    profile = held.profile if held else None
    asked_before = ""
    if profile is None:
        asked_before = f"{request.query}\x1f{history_cookie(request.cookie)}\x1f{isolate.models.state}"
        stored = isolate.answers.get(asked_before)
        if stored is not None and isolate.answers.fresh(stored):
            return isolate.answer("isolate", stored.model, stored.body, started)
    question = parse_question(request.query)
    history = question.items if question.items is not None else history_from_cookie(request.cookie)
    if profile is not None and question.items is None:
        history = recall(history, profile)
    known = held.known if held else NOTHING
    shared = profile is None and len(history) <= isolate.settings.shared_history_max
    decider = isolate.models.current
    name = decider.model.name if decider else ""
    if decider is not None:
        try:
            body = render(decider.decide(question, history, known))
        except BadInput:
            raise
        except NotInModel:
            pass  # the origin may know more, or says the same with its own words
        except Exception as error:
            isolate.report(f"could not decide: {error!r}")
        else:
            if shared:
                isolate.answers.put(asked_before, Stored(body, name, isolate.now_ms))
            return isolate.answer("edge", name, body, started)
    asked = Asked(question, history, shared, name, isolate.models.rules.version, request.query, token)
    return await _from_elsewhere(isolate, asked, started)


async def _from_elsewhere(isolate: Isolate, asked: Asked, started: float) -> Response:
    """What is kept, stale or not, while one request refreshes it; else the origin; else what is popular.

    For a visitor whom the origin may know it is asked first.
    """
    reply = await ask_origin(isolate, asked) if asked.token else None
    if reply is None:
        kept = await _kept(isolate, asked, started)
        if kept is not None:
            return kept
    if reply is None and not asked.token:
        reply = await ask_origin(isolate, asked)
    if reply is None:
        return _popular(isolate, asked, started)
    if reply.status != 200:
        return Response(reply.status, {"content-type": reply.headers.get("content-type", "")}, reply.body)
    layer, model = reply.headers.get("doorstep-layer", "origin"), reply.headers.get("doorstep-model", "")
    response = isolate.answer(layer, model, reply.body, started)
    if asked.token:
        return response
    return response._replace(background=partial(_keep, isolate, asked, reply))


async def _kept(isolate: Isolate, asked: Asked, started: float) -> Response | None:
    """The answer from the isolate's cache or the point of presence's."""
    stored, layer = isolate.answers.get(asked.key), "isolate"
    stale = stored is not None and not isolate.answers.fresh(stored)
    if stored is None and asked.shared:
        stored, layer = await _from_cdn(isolate, asked), "cdn"
        stale = stored is not None and isolate.now_ms - stored.at_ms >= isolate.settings.cdn_ttl_s * 1000
    if stored is None:
        return None
    response = isolate.answer(layer, stored.model, stored.body, started)
    if stale and isolate.answers.claim(asked.key):
        return response._replace(background=partial(_refresh, isolate, asked))
    return response


async def ask_origin(isolate: Isolate, asked: Asked) -> Reply | None:
    """The origin's final answer, or None if it has none within the deadline or the breaker is open."""
    if not isolate.settings.origin_url or not isolate.breaker.allows(isolate.now_ms):
        return None
    url = f"{isolate.settings.origin_url}/v1/recommend?{asked.for_origin}"
    headers = {"cookie": f"{VISITOR_COOKIE}={asked.token}"} if asked.token else {}
    try:
        reply: Reply = await fetch(url, isolate.settings.origin_deadline_ms, headers)
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


async def _from_cdn(isolate: Isolate, asked: Asked) -> Stored | None:
    try:
        reply: Reply = await cache_get(_CDN_KEY + quote(asked.key, safe=""))
    except EffectFailed as error:
        isolate.report(f"the cdn cache did not answer: {error}")
        return None
    if reply.status != 200:
        return None
    stored = Stored(reply.body, reply.headers.get("doorstep-model", ""), float(reply.headers.get("doorstep-stored", 0)))
    isolate.answers.put(asked.key, stored)
    return stored


async def _refresh(isolate: Isolate, asked: Asked) -> None:
    """Replace a stale answer, after it was served."""
    reply = await ask_origin(isolate, asked._replace(token=""))
    if reply is not None and reply.status == 200:
        await _keep(isolate, asked, reply)
    isolate.answers.release(asked.key)


async def _keep(isolate: Isolate, asked: Asked, reply: Reply) -> None:
    """Keep an origin's answer in the isolate, and at the point of presence if others may ask the same."""
    model = reply.headers.get("doorstep-model", "")
    if reply.headers.get("doorstep-layer") == "popular":
        return  # the origin's own last resort is not worth remembering
    isolate.answers.put(asked.key, Stored(reply.body, model, isolate.now_ms))
    if not asked.shared:
        return
    headers = {
        "content-type": "application/json",
        "cache-control": f"public, max-age={isolate.settings.cdn_ttl_s + isolate.settings.cdn_stale_s}",
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
