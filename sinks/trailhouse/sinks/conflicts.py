"""Conflicts: one identity (org_id, event_id) that came with different contents.

`events` keeps what was received first. The sets of `action_slots` and the masks of `user_days` know what each copy
said; a copy that names another action, quarter-hour or person is counted there as well, so a conflict stays open, and
the books do not close, until somebody has looked at it.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.errors import ConflictRefused

Identity = tuple[str, str]
COPIES_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class Copy:
    """One landed copy of an event in conflict; `kept` = the one `events` holds, the first received.

    `content` = hash of what it said; `settled` = why somebody settled the conflict, '' while it is open.
    """

    org_id: str
    event_id: str
    received_at: str
    place: str
    content: str
    slot: str
    kept: bool
    settled: str


_COPIES: Final = f"""
SELECT org_id, toString(event_id), toString(received_at), concat(epoch, '/', toString(partition), '/', toString(offset)),
  hex(content), toString(slot),
  toBool(row_number() OVER (PARTITION BY org_id, event_id ORDER BY received_at, partition, offset) = 1),
  reason_of_it
FROM (
  SELECT landed.*, s.reason AS reason_of_it FROM (SELECT * FROM landed FINAL WHERE content != 0) AS landed
  LEFT JOIN (SELECT org_id, event_id, reason FROM settled FINAL) AS s USING (org_id, event_id)
  WHERE (org_id, event_id) IN (
    SELECT org_id, event_id FROM landed WHERE content != 0
    GROUP BY org_id, event_id, rules HAVING min(content) != max(content)
  )
)
WHERE {{all:Bool}} OR reason_of_it = ''
ORDER BY org_id, event_id, received_at, partition, offset LIMIT {COPIES_MAX}
"""


def copies(client: Client, *, with_settled: bool = False) -> list[Copy]:
    """Every landed copy of the events in conflict, first received first; at most `COPIES_MAX`."""
    rows = client.query(_COPIES, parameters={"all": with_settled}).result_rows
    return [Copy(*row) for row in rows]


def open_conflicts(client: Client, conflicts: Collection[Identity]) -> set[Identity]:
    """Those nobody settled."""
    if not conflicts:
        return set()
    rows = client.query("SELECT org_id, toString(event_id) FROM settled FINAL").result_rows
    return set(conflicts) - {(str(org), str(event)) for org, event in rows}


def settle(client: Client, org: str, event_id: str, *, reason: str, settled_by: str) -> None:
    """Record that somebody looked at a conflict: it is closed, and listed with the reason for ever.

    Raises `ConflictRefused` when that event is in no conflict, or settled already.
    """
    client.insert(
        "settled",
        [[*check_open(client, org, event_id), reason, settled_by]],
        column_names=["org_id", "event_id", "reason", "settled_by"],
    )


def check_open(client: Client, org: str, event_id: str) -> Identity:
    """The identity of an event in an open conflict; raises `ConflictRefused` for any other."""
    try:
        wanted = org, str(uuid.UUID(event_id))
    except ValueError:
        raise ConflictRefused(
            f"{event_id!r} is no event id", "`trailhouse conflicts list` shows them"
        ) from None
    if wanted not in {(each.org_id, each.event_id) for each in copies(client)}:
        raise ConflictRefused(
            f"event {wanted[1]} of {org} is in no open conflict",
            "`trailhouse conflicts list` shows those that are",
        )
    return wanted
