"""What is on the enriched topic: one JSON line per raw record, whose keys are the columns of table `landing`.

Defaults are left out of the line; ClickHouse fills them in again (None = the event had no such field). `from_offset` (key `from`) to `offset` is the range
of raw offsets the line accounts for: more than one only where transactional producers left control records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

RULES_VERSION: Final = "2"
ENRICHED_BYTES_MAX: Final = 800_000
EPOCH_START: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Enriched(msgspec.Struct, gc=False, omit_defaults=True, rename={"from_offset": "from"}):
    """One enriched event, or with a `reason` the envelope of a rejected record (`docs/events.md` lists every key)."""

    epoch: str
    partition: int
    from_offset: int
    offset: int
    received_at: datetime
    reason: str = ""
    detail: str = ""
    size: int = 0
    digest: str = ""
    rules: str = ""
    org_id: str = ""
    event_id: str = ""
    occurred_at: datetime = EPOCH_START
    action: str = ""
    noun: str = ""
    verb: str = ""
    crud: str = ""
    category: str = ""
    is_activity: bool = False
    is_login: bool = False
    outcome: str = ""
    actor_type: str = ""
    actor_role: str | None = None
    user_ref: int = 0
    target_ref: int = 0
    address_ref: int = 0
    network: str = ""
    user_agent: str | None = None
    entity_asset: str | None = None
    project_asset: str | None = None
    report_asset: str | None = None
    artifact_asset: str | None = None
    artifact_digest: str | None = None
    artifact_sequence_asset: str | None = None
    response_code: int = 0
    cli_version: str | None = None
    source: str | None = None
    correlation_id: str | None = None
    attributes: dict[str, str] | None = None
    changed_fields: Sequence[str] = ()
    tags: Sequence[str] = ()
    pii_tags: Sequence[str] = ()
    subject_refs: Sequence[int] = ()
    identity: str = ""
    pii: Mapping[str, str] | None = None
