"""Profiles in the process's memory: for tests, and to read what a store does. Nothing survives the process."""

from collections.abc import Callable, Sequence

from origin.profiles.base import Stored, Write
from origin.profiles.keys import live_channel, seal, unseal
from shared.errors import Unavailable


class MemoryProfiles:
    """A :class:`~origin.profiles.base.Profiles` and :class:`~origin.profiles.base.ProfileWriter` in one.

    ``tell`` gets the channel and the value of what is published. While ``away`` is True everything raises
    :class:`Unavailable`, as if the server were gone. Nothing expires.
    """

    def __init__(self, tell: Callable[[str, bytes], object] = lambda channel, value: None) -> None:
        self.away = False
        self._tell = tell
        self._values: dict[str, bytes] = {}
        self._writes = 0

    async def get(self, visitor: str) -> Stored | None:
        return self.get_many([visitor])[0]

    async def reachable(self) -> bool:
        return not self.away

    def get_many(self, visitors: Sequence[str]) -> list[Stored | None]:
        self._check()
        values = map(self._values.get, visitors)
        return [value and unseal(value) for value in values]  # type: ignore[misc]  # no value is empty

    def write(self, writes: Sequence[Write]) -> list[bool]:
        self._check()
        self._writes += 1
        return [self._write(write) for write in writes]

    def safe(self) -> int:
        self._check()
        return self._writes

    def close(self) -> None:
        return

    def _write(self, write: Write) -> bool:
        visitor, profile, position, push = write
        there = self._values.get(visitor)
        if there:
            old = unseal(there).position
            if old.source == position.source and old >= position:
                return False
        self._values[visitor] = value = seal(profile, position)
        if push:
            self._tell(live_channel(visitor), value)
        return True

    def _check(self) -> None:
        if self.away:
            raise Unavailable("profiles_unavailable", "the profile store is away")
