"""Single flight: however many ask for the same thing at once, it is made once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Calls in progress by key. A call runs as a task of its own, so a caller who gives up takes nobody down."""

    def __init__(self) -> None:
        self._flights: dict[str, asyncio.Task[T]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def start(self, key: str, make: Callable[[], Awaitable[T]]) -> "asyncio.Task[T]":
        """The call under ``key`` that is in progress, else a new one of ``make``. Nobody has to await it."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = asyncio.create_task(self._fly(key, make))
            flight.add_done_callback(_look_at_the_outcome)
        return flight

    async def run(self, key: str, make: Callable[[], Awaitable[T]]) -> T:
        """The outcome of the one call under ``key``; its exception is raised to every caller."""
        return await asyncio.shield(self.start(key, make))

    async def close(self) -> None:
        """Cancel what is in progress."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    async def _fly(self, key: str, make: Callable[[], Awaitable[T]]) -> T:
        try:
            return await make()
        finally:
            del self._flights[key]


def _look_at_the_outcome(flight: "asyncio.Task[T]") -> None:
    """Asyncio complains about exceptions that nobody asked for; here that only means that all callers left."""
    if not flight.cancelled():
        flight.exception()
