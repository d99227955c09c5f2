"""What is known of visitors: profiles read for answers, and never at the price of an answer."""

from collections import Counter
from typing import NamedTuple

from origin.event_counts import READS
from origin.profiles.base import Profiles
from shared.errors import BadInput, Unavailable
from shared.profile import Profile

_MAX_HOPS = 4
"""Merges in a row that are followed when somebody asks for where a visitor ended up."""


class Met(NamedTuple):
    """A visitor and the profile that counts for it: its own, or that of the visitor it was merged into."""

    visitor: str
    profile: Profile | None


class Visitors:
    """Reads profiles. ``profiles`` is None where there is no store: then nobody is known."""

    def __init__(self, profiles: Profiles | None) -> None:
        self.reads: Counter[str] = Counter(dict.fromkeys(READS, 0))
        self._profiles = profiles

    async def known(self, visitor: str) -> Profile | None:
        """The profile that counts for ``visitor``, or None: there is none, or the store does not tell in time."""
        try:
            return (await self.meet(visitor)).profile
        except Unavailable:
            return None

    async def meet(self, visitor: str) -> Met:
        """The visitor whose profile counts for ``visitor``, and that profile: a merge is followed, once.

        Raises :class:`Unavailable`.
        """
        profile = await self._read(visitor)
        if profile and profile.into:
            return Met(profile.into, await self._read(profile.into))
        return Met(visitor, profile)

    async def look_up(self, visitor: str) -> Profile | None:
        """The profile of ``visitor`` itself, for whoever would rather know that it cannot be read.

        Raises :class:`Unavailable`.
        """
        return await self._read(visitor)

    async def end_of(self, visitor: str) -> str:
        """Where ``visitor`` ended up: itself, or by way of merges another one. Raises :class:`Unavailable`, and
        :class:`BadInput` (``merge_loop``) if the merges go on and on."""
        passed = [visitor]
        while (profile := await self._read(passed[-1])) and profile.into:
            if profile.into in passed or len(passed) > _MAX_HOPS:
                raise BadInput("merge_loop", "this visitor was merged again and again", 409)
            passed.append(profile.into)
        return passed[-1]

    async def _read(self, visitor: str) -> Profile | None:
        if self._profiles is None:
            raise Unavailable("no_store", "this origin has no profile store: set DOORSTEP_REDIS_URL")
        try:
            stored = await self._profiles.get(visitor)
        except Unavailable:
            self.reads["failed"] += 1
            raise
        self.reads["found" if stored else "none"] += 1
        return stored.profile if stored else None
