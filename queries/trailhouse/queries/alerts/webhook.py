"""Signed webhooks, after the Standard Webhooks (https://www.standardwebhooks.com): HMAC-SHA256 over id, time and body. Pure.

`webhook-id` stays the same however often a notification is sent, so a receiver can tell repeats; `webhook-timestamp` lets
it refuse what is too old.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from trailhouse.producers.settings import Secret
from trailhouse.queries.alerts.channel import SECRET_PREFIX

TOLERANCE_S: Final = 300


def headers(secret: Secret, notice_id: str, body: bytes, now: int) -> dict[str, str]:
    """The headers of a webhook sent at `now` (Unix seconds)."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "Trailhouse",
        "webhook-id": notice_id,
        "webhook-timestamp": str(now),
        "webhook-signature": "v1," + _sign(secret, notice_id, now, body),
    }


def is_signed(secret: Secret, given: Mapping[str, str], body: bytes, now: int) -> bool:
    """Whether a request with these headers (names in lower case) was signed with `secret`, not long before `now`.

    What a receiver does; docs/alerts.md has it for those who have no Trailhouse.
    """
    try:
        at = int(given["webhook-timestamp"])
        good = _sign(secret, given["webhook-id"], at, body)
    except (KeyError, ValueError, binascii.Error):
        return False
    signatures = given.get("webhook-signature", "").split()
    return abs(now - at) <= TOLERANCE_S and any(
        hmac.compare_digest(each, "v1," + good) for each in signatures if each.isascii()
    )


def _sign(secret: Secret, notice_id: str, at: int, body: bytes) -> str:
    key = base64.b64decode(secret.reveal().removeprefix(SECRET_PREFIX), validate=True)
    signed = f"{notice_id}.{at}.".encode() + body
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
