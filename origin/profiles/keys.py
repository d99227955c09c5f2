"""What a profile is called and how it lies in Redis; the processor writes it, every origin reads it."""

import struct
from base64 import urlsafe_b64encode
from hashlib import blake2b

from origin.eventlog.base import Position
from origin.profiles.base import Stored
from shared.errors import BadInput
from shared.profile import Profile, from_blob, to_blob

_HEADER = struct.Struct(">IQI")
"""A position: source, high, low. Lua compares it without knowing what follows."""


def name_of(visitor: str) -> str:
    """16 characters that stand for ``visitor``: short, of one length, and telling nothing of a customer's number."""
    return urlsafe_b64encode(blake2b(visitor.encode(), digest_size=12).digest()).decode()


def profile_key(visitor: str) -> str:
    """Where the profile is kept: a string, :func:`seal`'s."""
    return f"doorstep:p:{name_of(visitor)}"


def live_channel(visitor: str) -> str:
    """Where a changed profile is published, sealed."""
    return f"doorstep:live:{name_of(visitor)}"


def seal(profile: Profile, position: Position) -> bytes:
    """The stored form: 16 bytes of position, then the profile's blob."""
    return _HEADER.pack(*position) + to_blob(profile)


def unseal(data: bytes) -> Stored:
    """What :func:`seal` made. Raises :class:`BadInput` (``bad_profile``) for anything else."""
    if len(data) < _HEADER.size:
        raise BadInput("bad_profile", "not a profile: too short")
    position = Position(*_HEADER.unpack_from(data))
    return Stored(from_blob(memoryview(data)[_HEADER.size :]), position)
