"""What the isolate knows of visitors who come with a signed cookie. No answer waits for it: a profile that is missing
or stale is fetched after the answer was sent, from the point of presence's cache or from the origin.

What a visitor did through this isolate is folded in at once, and again into whatever the origin sends in the next
moments: its processor may not have come to those events yet. The fold drops the ones that it has.
"""

from base64 import b64decode
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple
from urllib.parse import quote

from cachetools import TTLCache

from edge.effects import EffectFailed, Reply, cache_get, cache_put, fetch
from edge.http import Background
from edge.settings import Settings
from shared.breaker import CircuitBreaker
from shared.errors import BadInput
from shared.events import KINDS, Event
from shared.profile import EMPTY, NOTHING, Known, Profile, fold, from_blob, known

_BYTES = 4 * 1024 * 1024
_ENTRY = 1500
"""Bytes of an entry without items, and of each item or category in it."""
_ITEM = 100
_PENDING = 2048
"""Events of all visitors that are folded again; of one visitor at most ..."""
_PENDING_EACH = 50
_FETCH_MS = 2000
_KEY = "https://doorstep.internal/profiles/"
_TELLING = frozenset(name for name, kind in KINDS.items() if kind.weight > 0 and kind.needs == ("item",))
"""Kinds that change what is shown, and need none of their details for it."""


class Held(NamedTuple):
    """A visitor's profile, or None if there is none, and what answers take from it."""

    profile: Profile | None
    known: Known
    stale_at_ms: float


class Profiles:
    """Profiles by visitor, bounded in bytes. ``clock_ms`` is the time of the request being handled."""

    def __init__(
        self, settings: Settings, token: str, clock_ms: Callable[[], float], report: Callable[[str], None]
    ) -> None:
        self.on = bool(settings.profile_ttl_s and settings.origin_url and settings.secret)
        self._origin_url = settings.origin_url
        self._headers = {"authorization": f"Bearer {token}"}
        self._ttl_ms = settings.profile_ttl_s * 1000
        self._clock_ms = clock_ms
        self._report = report
        self._breaker = CircuitBreaker(settings.breaker_failures, settings.breaker_open_ms)
        lifetime_ms = self._ttl_ms + settings.isolate_stale_s * 1000
        self._held: TTLCache[str, Held] = TTLCache(_BYTES, lifetime_ms, timer=clock_ms, getsizeof=_size)
        self._pending: TTLCache[str, tuple[Event, ...]] = TTLCache(
            _PENDING, self._ttl_ms, timer=clock_ms, getsizeof=len
        )
        self._claims: TTLCache[str, bool] = TTLCache(1024, _FETCH_MS * 2, timer=clock_ms)

    def get(self, visitor: str) -> Held | None:
        """What is held of ``visitor``, fresh or stale; None if nothing was fetched lately."""
        return self._held.get(visitor)

    def due(self, visitor: str) -> Background | None:
        """The work of fetching ``visitor``'s profile, for the one request that shall do it."""
        held = self._held.get(visitor)
        if (held is not None and self._clock_ms() < held.stale_at_ms) or visitor in self._claims:
            return None
        self._claims[visitor] = True
        return partial(self._fetch, visitor)

    def note(self, visitor: str, events: Iterable[Event]) -> None:
        """Fold in what the origin's log has just taken; the profile is fetched anew at the next request."""
        telling = [Event(e.id, visitor, e.type, e.time_ms, e.item) for e in events if e.type in _TELLING]
        if not self.on or not telling:
            return
        self._pending[visitor] = (*self._pending.get(visitor, ()), *telling)[-_PENDING_EACH:]
        held = self._held.get(visitor)
        if held is not None:
            self._keep(visitor, held.profile, self._clock_ms())

    def forget(self, visitor: str) -> None:
        """Hold nothing of ``visitor`` in this isolate any more; a fetch under way keeps nothing either."""
        for kept in (self._held, self._pending, self._claims):
            kept.pop(visitor, None)

    async def forget_nearby(self, visitor: str) -> None:
        """Let the point of presence hold nothing of ``visitor``."""
        if self.on:
            await self._put_cdn(visitor, "")

    async def _fetch(self, visitor: str) -> None:
        try:
            if visitor in self._pending or not await self._from_cdn(visitor):
                await self._from_origin(visitor)
        except EffectFailed as error:
            self._report(f"could not fetch a profile: {error}")
        except BadInput as error:
            self._report(f"the profile that came is none: {error}")
        finally:
            self._claims.pop(visitor, None)

    async def _from_cdn(self, visitor: str) -> bool:
        reply: Reply = await cache_get(_KEY + quote(visitor, safe=""))
        stale_at_ms = float(reply.headers.get("doorstep-stored", 0)) + self._ttl_ms
        if reply.status != 200 or self._clock_ms() >= stale_at_ms:
            return False
        self._keep(visitor, _decode(reply.body), stale_at_ms)
        return True

    async def _from_origin(self, visitor: str) -> None:
        if not self._breaker.allows(self._clock_ms()):
            return
        url = f"{self._origin_url}/v1/visitors/{quote(visitor, safe='')}/blob"
        try:
            reply: Reply = await fetch(url, _FETCH_MS, self._headers)
        except EffectFailed:
            self._breaker.failed(self._clock_ms())
            raise
        if reply.status not in (200, 404):
            self._breaker.failed(self._clock_ms())
            raise EffectFailed(f"the origin answered {reply.status}")
        self._breaker.succeeded()
        body = reply.body if reply.status == 200 else ""
        profile = _decode(body)
        if visitor not in self._claims:
            return  # forgotten while this was under way
        self._keep(visitor, profile, self._clock_ms() + self._ttl_ms)
        await self._put_cdn(visitor, body)

    async def _put_cdn(self, visitor: str, body: str) -> None:
        headers = {
            "content-type": "text/plain",
            "cache-control": f"max-age={self._ttl_ms // 1000}",
            "doorstep-stored": str(self._clock_ms()),
        }
        try:
            await cache_put(_KEY + quote(visitor, safe=""), headers, body)
        except EffectFailed as error:
            self._report(f"could not keep a profile: {error}")

    def _keep(self, visitor: str, profile: Profile | None, stale_at_ms: float) -> None:
        for event in self._pending.get(visitor, ()):
            profile = fold(profile or EMPTY, event)
        self._held[visitor] = Held(profile, known(profile) if profile else NOTHING, stale_at_ms)


def _decode(body: str) -> Profile | None:
    """The profile in a base64 text; None in an empty one. Raises :class:`BadInput`."""
    try:
        return from_blob(b64decode(body, validate=True)) if body else None
    except ValueError:
        raise BadInput("bad_profile", "not base64") from None


def _size(held: Held) -> int:
    profile = held.profile or EMPTY
    several = len(profile.items) + len(profile.bought) + len(profile.interests) + len(held.known.seen)
    return _ENTRY + _ITEM * (several + len(profile.attributes))
