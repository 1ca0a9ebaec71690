"""Why a record could not become an event: a closed list, each reason with a test, a metric label and a docs line.

A rejected record is never lost: its envelope (place, reason, size, digest, no content) takes its turn on the enriched
topic, so the books balance, and the original bytes go to the dead-letter topic with the same facts as headers.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

DETAIL_LENGTH_MAX: Final = 200


class Reason(StrEnum):
    """The closed list of reasons; `EXPLANATIONS` says what each means and what to do."""

    EMPTY = "empty"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    INVALID_FIELD = "invalid_field"
    UNSUPPORTED_VERSION = "unsupported_version"
    CLOCK_SKEW = "clock_skew"
    ORG_DENIED = "org_denied"
    UNSTORABLE = "unstorable"
    CONFLICT = "conflict"
    INTERNAL = "internal"


EXPLANATIONS: Final[dict[Reason, str]] = {
    Reason.EMPTY: "The record has no value. Tombstones mean nothing on the raw topic; publish a JSON object.",
    Reason.MALFORMED: "The value is not one JSON object in UTF-8. The detail names the first offence.",
    Reason.TOO_LARGE: "The value is over 256 KiB, or would be too large once enriched. Move bulk out of `changes` and `attributes`.",
    Reason.INVALID_FIELD: "A field is missing or breaks the contract. The detail names the field and the rule.",
    Reason.UNSUPPORTED_VERSION: "`schema_version` is newer than this stream worker. Upgrade it, then replay.",
    Reason.CLOCK_SKEW: "`occurred_at` lies before 1970 or more than 10 minutes after Kafka received the record. Mend the emitter's clock.",
    Reason.ORG_DENIED: "This topic may not carry events of that organisation. Allow it with TRAILHOUSE_TOPIC_ORGS, or publish it to its own topic.",
    Reason.UNSTORABLE: "ClickHouse refused this one row for good; the sink found it by bisection. Report it: the stream should have caught it.",
    Reason.CONFLICT: "The event id came first with other contents, and somebody settled it (`trailhouse conflicts settle`): this copy is stored and counted no more. Send what it said again with an id of its own, if it is to count.",
    Reason.INTERNAL: "A step failed on this record in a way it should not. Report it with the record's place; then replay.",
}


class Rejection(Exception):
    """Raised by a step to reject the record at hand; `detail` names field and rule, never a value (it may be personal)."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail[:DETAIL_LENGTH_MAX]
