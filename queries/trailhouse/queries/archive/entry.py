"""The audit log's entries as the bucket has them: W&B's keys without personal data (WA1, WA4), from records of the archive.

The same keys and values as the API gives with `anonymize=true`; made from what was archived, so that the two cannot differ.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from trailhouse.queries.archive.record import Record
from trailhouse.queries.audit_columns import WANDB

#: W&B's keys that are no personal data, in alphabetical order.
KEYS: Final = tuple(column.name for column in WANDB if column.open)
_ENTRY: Final = msgspec.defstruct(
    "Entry",
    [(name, int, 0) if name == "response_code" else (name, str, "") for name in KEYS],
    omit_defaults=True,
    gc=False,
)
_ENCODER: Final = msgspec.json.Encoder()


def entry(record: Record) -> Any:
    """The entry of an event, sparse (WA18)."""
    # To the second, as W&B's example and as the API.
    return _ENTRY(
        *(f"{record.occurred_at[:19]}Z" if name == "timestamp" else getattr(record, name) for name in KEYS)
    )


def entries_by_org(records: Iterable[Record]) -> dict[str, list[Any]]:
    """The entries among the records by organisation, in their order; organisations sorted."""
    found: dict[str, list[Any]] = {}
    for record in records:
        if record.is_entry:
            found.setdefault(record.org_id, []).append(entry(record))
    return dict(sorted(found.items()))


def encode(entries: Iterable[Any]) -> bytes:
    """Newline-separated JSON objects."""
    return _ENCODER.encode_lines(list(entries))
