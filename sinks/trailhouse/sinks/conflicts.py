"""Conflicts: one identity (org_id, event_id) that came with different contents.

`events` keeps what was received first. The sets of `action_slots` and the masks of `user_days` know what each copy
said; a copy that names another action, quarter-hour or person is counted there as well, so a conflict stays open, and
the books do not close, until somebody has settled it: then the losing copies are taken out again (`sweep.py`).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from trailhouse.sinks.clickhouse import Client, insert_rows
from trailhouse.sinks.errors import ConflictRefused
from trailhouse.sinks.sweep import Sweep, sweep

Identity = tuple[str, str]
COPIES_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class Copy:
    """One landed copy of an event in conflict; `kept` = the one `events` holds, the first received.

    `content` = hash of what it said; `swept` = taken out of the tables and counts again; `settled` = why somebody
    settled the conflict, '' while it is open.
    """

    org_id: str
    event_id: str
    received_at: str
    place: str
    content: str
    slot: str
    kept: bool
    swept: bool
    settled: str


# Swept copies that are stored all the same: an insert was tried again for longer than the sweep waited.
_RETURNED: Final = """
SELECT org_id, event_id FROM landed FINAL
WHERE reason = '' AND (epoch, partition, offset) IN (SELECT epoch, partition, offset FROM rejected WHERE reason = 'conflict')
"""
# Swept copies whose sweep did not come to its end.
_UNFINISHED: Final = """
SELECT org_id, event_id FROM landed FINAL
WHERE reason = 'conflict' AND (epoch, partition, offset) IN (SELECT epoch, partition, offset FROM rejected WHERE reason = 'conflict')
  AND (org_id, event_id) NOT IN (SELECT org_id, event_id FROM settled)
"""

_COPIES: Final = f"""
SELECT org_id, toString(event_id), toString(received_at), concat(epoch, '/', toString(partition), '/', toString(offset)),
  if(content = 0, '', hex(content)), toString(slot),
  toBool(row_number() OVER (PARTITION BY org_id, event_id ORDER BY content = 0, received_at, partition, offset) = 1),
  toBool(content = 0), reason_of_it
FROM (
  SELECT landed.*, s.reason AS reason_of_it
  FROM (SELECT * FROM landed FINAL WHERE content != 0 OR reason = 'conflict') AS landed
  LEFT JOIN (SELECT org_id, event_id, reason FROM settled FINAL) AS s USING (org_id, event_id)
  WHERE (org_id, event_id) IN (
    SELECT org_id, event_id FROM landed FINAL WHERE content != 0
    GROUP BY org_id, event_id, rules HAVING min(content) != max(content)
    UNION ALL
    SELECT org_id, event_id FROM landed WHERE reason = 'conflict'
  )
)
WHERE {{all:Bool}} OR reason_of_it = '' OR (org_id, event_id) IN ({_RETURNED})
ORDER BY org_id, event_id, received_at, partition, offset LIMIT {COPIES_MAX}
"""


def copies(client: Client, *, with_settled: bool = False) -> list[Copy]:
    """Every landed copy of the events in conflict, first received first; at most `COPIES_MAX`."""
    rows = client.query(_COPIES, parameters={"all": with_settled}).result_rows
    return [Copy(*row) for row in rows]


def open_conflicts(client: Client, conflicts: Collection[Identity]) -> set[Identity]:
    """Those nobody settled, and those of which a sweep did not end or a swept copy came back."""

    def identities(query: str) -> set[Identity]:
        return {(str(org), str(event)) for org, event in client.query(query).result_rows}

    is_open = identities(_RETURNED) | identities(_UNFINISHED)
    if not conflicts:
        return is_open
    return is_open | (set(conflicts) - identities("SELECT org_id, event_id FROM settled FINAL"))


def settle(  # noqa: PLR0913  # what is kept with it
    client: Client,
    org: str,
    event_id: str,
    *,
    reason: str,
    settled_by: str,
    on_table: Callable[[str], None] = lambda _: None,
) -> Sweep:
    """Take the losing copies of a conflict out of the tables and counts, and record why: it is closed for ever.

    Raises `ConflictRefused` when that event is in no conflict, or settled already, and what `sweep` raises.
    """
    wanted = check_open(client, org, event_id)
    swept = sweep(client, *wanted, on_table=on_table)
    columns = ["org_id", "event_id", "reason", "settled_by"]
    insert_rows(client, "settled", columns, [[*wanted, reason, settled_by]])
    return swept


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
