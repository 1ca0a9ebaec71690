"""Ids of events: minted once at `emit`, or derived from a foreign id so that a second import changes nothing."""

from __future__ import annotations

import os
import time
import uuid
from typing import Final

from trailhouse.producers.errors import InvalidEvent


def mint_id(milliseconds: int | None = None) -> str:
    """A new UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, then random bits; ids minted later sort later."""
    if milliseconds is None:
        milliseconds = time.time_ns() // 1_000_000
    try:
        noise = _noise.pop()
    except IndexError:
        noise = _more_noise()
    # 12 random bits after the version digit 7, 62 after the variant bits 10; cut by hand because uuid.UUID costs four
    # times as much.
    digits = f"{milliseconds:012x}"
    return f"{digits[:8]}-{digits[8:]}-7{noise[:3]}-{_VARIANT[noise[3]]}{noise[4:7]}-{noise[7:19]}"


# Random digits for ids, ready made: asking the system for each would cost as much as all else, and lets go of the
# interpreter's lock, which a busy thread then keeps for milliseconds.
_noise: Final[list[str]] = []
_NOISE_AT_ONCE: Final = 256
_VARIANT: Final = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}


def _more_noise() -> str:
    digits = os.urandom(10 * _NOISE_AT_ONCE).hex()
    _noise.extend([digits[at : at + 20] for at in range(20, len(digits), 20)])
    return digits[:20]


# A forked child must not mint its parent's ids.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_noise.clear)


def derive_id(org_id: str, *parts: str) -> str:
    """A stable UUIDv5 of an organisation and a foreign id, so that importing the same thing twice changes nothing."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "\x1f".join(("trailhouse", org_id, *parts))))


def canonical_id(event_id: str | uuid.UUID) -> str:
    """A UUID in its one usual spelling, so that an event has one identity; raises `InvalidEvent`."""
    try:
        return str(event_id if isinstance(event_id, uuid.UUID) else uuid.UUID(event_id))
    except (ValueError, AttributeError, TypeError):
        raise InvalidEvent(
            "event_id", event_id, "must be a UUID such as 01920f0e-7c5a-7b3e-8f43-0123456789ab"
        ) from None
