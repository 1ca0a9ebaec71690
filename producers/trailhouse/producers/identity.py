"""Ids of events: minted once at `emit`, or derived from a foreign id so that a second import changes nothing."""

from __future__ import annotations

import os
import time
import uuid

from trailhouse.producers.errors import InvalidEvent


def mint_id() -> str:
    """A new UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, then random bits; ids minted later sort later."""
    milliseconds = time.time_ns() // 1_000_000
    noise = int.from_bytes(os.urandom(10))
    # 12 random bits after the version digit 7, 62 after the variant bits 10; the string is cut by hand because
    # uuid.UUID costs four times as much.
    digits = f"{milliseconds:012x}7{noise >> 68:03x}{2 << 62 | noise & 0x3FFF_FFFF_FFFF_FFFF:016x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


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
