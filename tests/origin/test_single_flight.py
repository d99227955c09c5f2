"""However many ask at once, it is made once; and nobody's leaving harms the others."""

import asyncio

import pytest

from origin.single_flight import SingleFlight


class Work:
    """Something to make once: counts how often it was begun, ends when told to."""

    def __init__(self) -> None:
        self.begun = 0
        self.ready = asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        await self.ready.wait()
        return self.begun


def test_a_thousand_callers_share_one_call() -> None:
    async def main() -> None:
        work, flights = Work(), SingleFlight[int]()
        callers = [asyncio.create_task(flights.run("key", work)) for _ in range(1000)]
        await asyncio.sleep(0)
        work.ready.set()
        assert set(await asyncio.gather(*callers)) == {1}
        assert (work.begun, len(flights)) == (1, 0)
        assert await flights.run("key", work) == 2

    asyncio.run(main())


def test_the_first_caller_may_leave() -> None:
    async def main() -> None:
        work, flights = Work(), SingleFlight[int]()
        first = asyncio.create_task(flights.run("key", work))
        await asyncio.sleep(0)
        second = asyncio.create_task(flights.run("key", work))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        work.ready.set()
        assert await second == 1
        assert first.cancelled()

    asyncio.run(main())


def test_all_callers_get_the_exception_and_the_next_one_tries_again() -> None:
    async def fail() -> int:
        await asyncio.sleep(0)
        raise ValueError("no")

    async def main() -> None:
        flights = SingleFlight[int]()
        outcomes = await asyncio.gather(*(flights.run("key", fail) for _ in range(3)), return_exceptions=True)
        assert [str(outcome) for outcome in outcomes] == ["no"] * 3
        flights.start("key", fail)  # nobody awaits this one, and nothing complains
        await asyncio.sleep(0.01)
        assert len(flights) == 0

    asyncio.run(main())


def test_closing_cancels_what_is_in_progress() -> None:
    async def main() -> None:
        work, flights = Work(), SingleFlight[int]()
        caller = asyncio.create_task(flights.run("key", work))
        await asyncio.sleep(0)
        await flights.close()
        with pytest.raises(asyncio.CancelledError):
            await caller

    asyncio.run(main())
