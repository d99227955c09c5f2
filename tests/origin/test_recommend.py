"""The layers of the origin in order, each with its time to live, over a real Redis and with a clock of our own."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from origin.metrics import Layer
from origin.numpy_kernel import NumpyKernel
from origin.recommend import Served
from origin.registry import Registry
from origin.resources import Resources
from origin.serving import Serving
from origin.settings import Settings
from shared.answer import Question, render
from shared.decision import Decider
from shared.errors import NotInModel, Unavailable
from shared.filters import parse_filter
from shared.kernels import Candidate, PythonKernel, Query
from shared.model import open_model
from shared.rules import read_rules
from tests.conftest import RULES
from tests.models import make_model, model_bytes

MODEL = make_model()
SHORT = (MODEL.id(5),)
LONG = tuple(MODEL.id(i) for i in range(6))
QUESTION = Question(n=5)


class Clock:
    """Epoch seconds that pass when told to."""

    def __init__(self) -> None:
        self.now_s = time.time()

    def __call__(self) -> float:
        return self.now_s


class Process:
    """One origin's parts, opened; several of them stand for several processes."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        self.metrics = resources.metrics

    async def ask(self, history: tuple[str, ...], question: Question = QUESTION) -> Served:
        return await self.resources.recommender.answer(question, history)

    async def layers(self, history: tuple[str, ...], times: int) -> list[Layer]:
        return [(await self.ask(history)).layer for _ in range(times)]

    @property
    def computations(self) -> int:
        text = self.metrics.render().decode()
        return int(float(text.split("\ndoorstep_computations_total ")[1].split()[0]))


@asynccontextmanager
async def opened(home: Path, redis_url: str, clock: Clock, **changes: Any) -> AsyncIterator[Process]:
    settings = Settings(home=home, redis_url=redis_url, redis_timeout_ms=2000, **changes)
    resources = Resources(settings, clock=clock)
    async with resources.opened():
        yield Process(resources)


async def written() -> None:
    """Let the writes behind reach Redis."""
    await asyncio.sleep(0.1)


def test_layers_in_order(home: Path, redis_url: str) -> None:
    async def main() -> None:
        clock = Clock()
        async with opened(home, redis_url, clock) as one, opened(home, redis_url, clock) as other:
            assert await one.layers(SHORT, 2) == [Layer.COMPUTED, Layer.MEMORY]
            await written()
            assert await other.layers(SHORT, 2) == [Layer.REDIS, Layer.MEMORY]
            assert (await one.ask(SHORT)).body == (await other.ask(SHORT)).body == expected(SHORT)
            assert (one.computations, other.computations) == (1, 0)

    asyncio.run(main())


def test_long_histories_do_not_go_to_redis(home: Path, redis_url: str) -> None:
    async def main() -> None:
        clock = Clock()
        async with opened(home, redis_url, clock) as one, opened(home, redis_url, clock) as other:
            assert await one.layers(LONG, 2) == [Layer.COMPUTED, Layer.MEMORY]
            await written()
            assert await other.layers(LONG, 1) == [Layer.COMPUTED]
        async with opened(home, redis_url, clock, shared_history_max=6) as one:
            await one.ask(LONG)
            await written()
            async with opened(home, redis_url, clock, shared_history_max=6) as other:
                assert await other.layers(LONG, 1) == [Layer.REDIS]

    asyncio.run(main())


def test_memory_is_fresh_then_stale_and_refreshed_then_gone(home: Path) -> None:
    async def main() -> None:
        clock = Clock()
        async with opened(home, "", clock, memory_ttl_s=5, stale_s=60) as one:
            await one.ask(LONG)
            clock.now_s += 4.9
            assert await one.layers(LONG, 1) == [Layer.MEMORY]
            assert one.metrics.stale[Layer.MEMORY] == 0
            clock.now_s += 0.2
            assert await one.layers(LONG, 3) == [Layer.MEMORY] * 3
            await asyncio.sleep(0.01)
            assert one.computations == 2, "three stale answers caused one refresh"
            assert one.metrics.stale[Layer.MEMORY] == 3
            assert await one.layers(LONG, 1) == [Layer.MEMORY]
            assert one.metrics.stale[Layer.MEMORY] == 3, "fresh again"
            clock.now_s += 65.1
            assert await one.layers(LONG, 1) == [Layer.COMPUTED]

    asyncio.run(main())


def test_redis_is_fresh_then_stale_and_refreshed(home: Path, redis_url: str) -> None:
    async def main() -> None:
        clock = Clock()
        async with opened(home, redis_url, clock, redis_ttl_s=30) as one:
            await one.ask(SHORT)
            await written()
        clock.now_s += 31
        async with opened(home, redis_url, clock, redis_ttl_s=30) as other:
            assert await other.layers(SHORT, 1) == [Layer.REDIS]
            await written()
            assert (other.metrics.stale[Layer.REDIS], other.computations) == (1, 1)
        async with opened(home, redis_url, clock, redis_ttl_s=30) as third:
            assert await third.layers(SHORT, 1) == [Layer.REDIS]
            assert third.metrics.stale[Layer.REDIS] == 0

    asyncio.run(main())


def test_redis_forgets_by_itself(home: Path, redis_url: str) -> None:
    async def main() -> None:
        clock = Clock()
        async with opened(home, redis_url, clock, redis_ttl_s=0.05, stale_s=0.05) as one:
            await one.ask(SHORT)
            await asyncio.sleep(0.3)
        async with opened(home, redis_url, clock, redis_ttl_s=0.05, stale_s=0.05) as other:
            assert await other.layers(SHORT, 1) == [Layer.COMPUTED]

    asyncio.run(main())


@pytest.mark.parametrize("history", [SHORT, LONG])
def test_a_thousand_equal_questions_cost_one_computation(home: Path, redis_url: str, history: tuple[str, ...]) -> None:
    async def main() -> None:
        async with opened(home, redis_url, Clock()) as one:
            answers = await asyncio.gather(*(one.ask(history) for _ in range(1000)))
            assert len({answer.body for answer in answers}) == 1
            assert one.computations == 1
            assert sum(one.metrics.answers.values()) == 1000

    asyncio.run(main())


def test_a_caller_who_leaves_harms_nobody(home: Path, redis_url: str) -> None:
    async def main() -> None:
        async with opened(home, redis_url, Clock()) as one:
            first, second = (asyncio.create_task(one.ask(SHORT)) for _ in range(2))
            await asyncio.sleep(0)
            first.cancel()
            assert (await second).layer is Layer.COMPUTED
            assert one.computations == 1

    asyncio.run(main())


def test_a_new_model_or_new_rules_answer_at_once(home: Path, redis_url: str) -> None:
    async def main() -> None:
        registry = Registry(home / "registry")
        async with opened(home, redis_url, Clock()) as one:
            before = await one.ask(SHORT)
            registry.publish_rules(f'{{"version":"r2","slots":{{"home":{{"hide":["{MODEL.id(7)}"]}}}}}}')
            assert await one.resources.models.refresh()
            assert (await one.ask(SHORT)).layer is Layer.COMPUTED
            registry.publish(model_bytes(seed=2))
            assert await one.resources.models.refresh()
            after = await one.ask(SHORT)
            assert (after.layer, after.model == before.model) == (Layer.COMPUTED, False)

    asyncio.run(main())


def test_without_a_model_redis_is_asked_for_everything(home: Path, redis_url: str) -> None:
    async def main() -> None:
        clock = Clock()
        async with opened(home, redis_url, clock, shared_history_max=100) as one:
            known = (await one.ask(LONG)).body
            await written()
        name = Registry(home / "registry").current().models[0]
        Registry(home / "registry").model_file(name).write_bytes(b"DOORSTEP")
        async with opened(home, redis_url, clock) as other:
            served = await other.ask(LONG)
            assert (served.layer, served.body) == (Layer.REDIS, known)
            with pytest.raises(Unavailable, match="no usable model"):
                await other.ask(LONG, Question(n=6))
            assert other.metrics.refusals == 1

    asyncio.run(main())


def test_what_the_model_cannot_answer_is_an_error_of_the_caller(home: Path) -> None:
    async def main() -> None:
        async with opened(home, "", Clock()) as one:
            with pytest.raises(NotInModel, match="brand"):
                await one.ask(SHORT, Question(filter=parse_filter("brand=x")))
            assert one.metrics.failures == 0

    asyncio.run(main())


class BrokenKernel(NumpyKernel):
    """Breaks on every history, as a bug would; in the worst case on everything."""

    hopeless = False

    def top(self, query: Query, allowed: Any, k: int) -> list[Candidate]:
        if query.items or self.hopeless:
            raise ZeroDivisionError
        return super().top(query, allowed, k)


def test_a_bug_is_answered_with_what_is_popular(home: Path) -> None:
    async def main() -> None:
        async with opened(home, "", Clock()) as one:
            decider = Decider(BrokenKernel(MODEL), read_rules(RULES))
            one.resources.models.now = Serving(decider, MODEL.name.encode(), "r1", RULES)
            served = await one.ask(SHORT)
            assert (served.layer, served.body) == (Layer.POPULAR, expected(()))
            assert await one.layers(SHORT, 2) == [Layer.POPULAR] * 2, "not cached"
            assert one.metrics.failures == 3
            BrokenKernel.hopeless = True
            with pytest.raises(Unavailable):
                await one.ask(SHORT)

    asyncio.run(main())


def expected(history: tuple[str, ...]) -> bytes:
    """What the reference kernel answers."""
    model = open_model(model_bytes())
    return render(Decider(PythonKernel(model), read_rules(RULES)).decide(QUESTION, history)).encode()
