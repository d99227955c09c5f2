"""The way of an answer at the origin, top to bottom: memory, Redis, computed, popular."""

import logging
import time
from collections.abc import Sequence
from typing import NamedTuple

from origin.memory_answers import MemoryAnswers
from origin.metrics import Layer, Metrics
from origin.redis_answers import RedisAnswers
from origin.serving import ServedModel, Serving
from origin.single_flight import SingleFlight
from shared.answer import Answer, Question, key, render
from shared.errors import DoorstepError, Unavailable
from shared.profile import NOTHING, Known

_log = logging.getLogger(__name__)


class Served(NamedTuple):
    """A rendered answer, the layer it came from, and its model's name as header value."""

    body: bytes
    layer: Layer
    model: bytes


class Recommender:
    """Answers questions from the cheapest layer that has the answer.

    Redis is asked only for questions that others will ask too, because a round trip to it costs more than the
    computation (``docs/decisions/0002-redis-only-for-shared-questions.md``), and whenever this process cannot compute.
    """

    def __init__(
        self,
        models: ServedModel,
        memory: MemoryAnswers,
        redis: RedisAnswers | None,
        metrics: Metrics,
        shared_history_max: int,
    ) -> None:
        self._models = models
        self._memory = memory
        self._redis = redis
        self._metrics = metrics
        self._shared_history_max = shared_history_max
        self._flights: SingleFlight[Served] = SingleFlight()

    async def answer(self, question: Question, history: Sequence[str], known: Known = NOTHING) -> Served:
        """The answer for a visitor with ``history`` (item ids, newest first), of whom else is ``known`` what is.

        What depends on more than the history is this visitor's alone: it is computed and kept nowhere.

        Raises :class:`shared.errors.DoorstepError` if the question cannot be answered by this model, or, with no
        model and nothing cached, :class:`Unavailable`.
        """
        serving = self._models.now
        if serving is None:
            served = await self._without_model(question, history)
        else:
            served = await self._with_model(serving, question, history, known)
        self._metrics.answers[served.layer] += 1
        return served

    async def close(self) -> None:
        await self._flights.close()

    async def _with_model(self, serving: Serving, question: Question, history: Sequence[str], known: Known) -> Served:
        if known is not NOTHING:
            return self._compute("", False, serving, question, history, known)
        name = key(question, history, serving.decider.model.name, serving.rules, None)
        found = self._memory.get(name)
        shared = self._redis is not None and len(history) <= self._shared_history_max
        if found:
            kept, fresh = found
            if not fresh:
                self._metrics.stale[Layer.MEMORY] += 1
                self._flights.start(name, lambda: self._look_further(name, shared, serving, question, history))
            return Served(kept.body, Layer.MEMORY, kept.model)
        if not shared:
            return self._compute(name, False, serving, question, history)
        return await self._flights.run(name, lambda: self._look_further(name, True, serving, question, history))

    async def _look_further(
        self, name: str, shared: bool, serving: Serving, question: Question, history: Sequence[str]
    ) -> Served:
        """The answer from behind the memory: Redis if the question is shared, else computed."""
        if shared and self._redis and (found := await self._redis.get(name)):
            kept, fresh = found
            if not fresh:
                self._metrics.stale[Layer.REDIS] += 1
                self._flights.start(f"refresh {name}", lambda: self._recompute(name, serving, question, history))
            self._memory.put(name, kept.body, kept.model)
            return Served(kept.body, Layer.REDIS, kept.model)
        return self._compute(name, shared, serving, question, history)

    async def _recompute(self, name: str, serving: Serving, question: Question, history: Sequence[str]) -> Served:
        return self._compute(name, True, serving, question, history)

    def _compute(
        self,
        name: str,
        shared: bool,
        serving: Serving,
        question: Question,
        history: Sequence[str],
        known: Known = NOTHING,
    ) -> Served:
        start = time.perf_counter()
        try:
            body = render(serving.decider.decide(question, history, known)).encode()
        except DoorstepError:
            raise
        except Exception:
            _log.exception("could not decide %r for %r", question, history)
            self._metrics.failures += 1
            return _popular(serving, question)
        self._metrics.computed(time.perf_counter() - start)
        if name:
            self._memory.put(name, body, serving.model)
        if shared and self._redis:
            self._redis.put(name, body, serving.model)
        return Served(body, Layer.COMPUTED, serving.model)

    async def _without_model(self, question: Question, history: Sequence[str]) -> Served:
        """What another origin, which has the model that the registry names, left in Redis."""
        wanted = self._models.wanted
        if self._redis and wanted.models:
            rules = wanted.rules[0] if wanted.rules else "none"
            if found := await self._redis.get(key(question, history, wanted.models[0], rules, None)):
                return Served(found[0].body, Layer.REDIS, found[0].model)
        raise Unavailable("no_model", "no usable model is published yet; the edge serves its popular list meanwhile")


def _popular(serving: Serving, question: Question) -> Served:
    """The answer to the same slot with neither history nor filter, one of which is what failed."""
    try:
        answer: Answer = serving.decider.popular(question)
    except Exception as error:
        _log.exception("could not list what is popular")
        raise Unavailable("cannot_decide", "no answer could be computed") from error
    return Served(render(answer).encode(), Layer.POPULAR, serving.model)
