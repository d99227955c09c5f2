"""The profile store as everybody else sees it: one blob per visitor, written by one writer, guarded by log position."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from origin.eventlog.base import Position
from shared.errors import Unavailable
from shared.profile import Profile


class Stored(NamedTuple):
    """A profile and the place in the log up to which it has been folded."""

    profile: Profile
    position: Position


class Write(NamedTuple):
    """A profile to be stored. It takes effect only if ``position`` is newer than the stored one's."""

    visitor: str
    profile: Profile
    position: Position
    push: bool
    """Whether to tell the visitor's open pages."""


class StoreForgot(Unavailable):
    """The store was started anew since it was last written to: writes not known to be safe may be gone."""


class Profiles(Protocol):
    """The reading end; asynchronous, for answers."""

    async def get(self, visitor: str) -> Stored | None:
        """What is stored of ``visitor``. Raises :class:`shared.errors.Unavailable` if there is no answer in time."""

    async def reachable(self) -> bool:
        """Whether the store answers."""


class ProfileWriter(Protocol):
    """The processor's end; synchronous, belongs to one thread. Every method may raise Unavailable or StoreForgot."""

    def get_many(self, visitors: Sequence[str]) -> list[Stored | None]:
        """What is stored of each of ``visitors``."""

    def write(self, writes: Sequence[Write]) -> list[bool]:
        """Store what is newer than what is there, and tell the open pages; which of them took effect."""

    def safe(self) -> int:
        """How many calls of :meth:`write`, from this object's first on, would survive a crash of the store by now.

        Raises :class:`StoreForgot` if there was such a crash since the last call; counting starts anew then.
        """

    def close(self) -> None: ...
