"""What is on the enriched topic: one JSON line per raw record, whose keys are the columns of table `landing`.

Defaults are left out of the line; ClickHouse fills them in again. `from_offset` (key `from`) to `offset` is the range
of raw offsets the line accounts for: more than one only where transactional producers left control records.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

RULES_VERSION: Final = "1"
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
    actor_role: str = ""
    user_ref: int = 0
    target_ref: int = 0
    address_ref: int = 0
    network: str = ""
    user_agent: str = ""
    entity_asset: str = ""
    project_asset: str = ""
    report_asset: str = ""
    artifact_asset: str = ""
    artifact_digest: str = ""
    artifact_sequence_asset: str = ""
    response_code: int = 0
    cli_version: str = ""
    source: str = ""
    correlation_id: str = ""
    attributes: dict[str, str] = {}
    changed_fields: list[str] = []
    tags: list[str] = []
    pii_tags: list[str] = []
    subject_refs: list[int] = []
    identity: str = ""
    pii: dict[str, str] = {}
