"""Legal holds: while one stands, what it covers is neither erased nor does it expire."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from trailhouse.sinks.clickhouse import Client, insert_rows
from trailhouse.sinks.errors import Held, HoldUnknown

COLUMNS = (
    "hold_id",
    "org_id",
    "user_refs",
    "reason",
    "placed_by",
    "placed_at",
    "released_by",
    "release_reason",
    "released_at",
    "is_released",
)


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold; `user_refs` empty = the whole organisation. Times are UTC; released ones have `released_at`."""

    hold_id: str
    org_id: str
    user_refs: tuple[int, ...]
    reason: str
    placed_by: str
    placed_at: datetime
    released_by: str = ""
    release_reason: str = ""
    released_at: datetime | None = None

    @property
    def is_standing(self) -> bool:
        return self.released_at is None

    def covers(self, org: str, refs: Collection[int]) -> bool:
        """Whether it keeps anybody of `refs` in `org`; [] asks for the organisation as a whole."""
        return (
            self.is_standing
            and self.org_id == org
            and (not self.user_refs or bool(set(self.user_refs) & set(refs)))
        )


def place(client: Client, org: str, refs: Sequence[int], *, reason: str, placed_by: str) -> Hold:
    """Put a hold on the person behind `refs`, or on all of `org` when there are none."""
    hold = Hold(secrets.token_hex(4), org, tuple(refs), reason, placed_by, _now())
    _write(client, hold)
    return hold


def release(client: Client, hold_id: str, *, reason: str, released_by: str) -> Hold:
    """End a hold for good; it stays listed. Raises `HoldUnknown` when no such hold stands."""
    hold = standing(client, hold_id)
    ended = replace(hold, released_by=released_by, release_reason=reason, released_at=_now())
    _write(client, ended)
    return ended


def standing(client: Client, hold_id: str) -> Hold:
    """The hold of that id; raises `HoldUnknown` when none stands."""
    for each in holds(client):
        if each.hold_id == hold_id and each.is_standing:
            return each
    raise HoldUnknown(hold_id)


def holds(client: Client, org: str | None = None) -> list[Hold]:
    """Every hold, of `org` or of all, the oldest first."""
    rows = client.query(
        f"SELECT {', '.join(COLUMNS[:-1])} FROM holds FINAL "
        "WHERE {any:Bool} OR org_id = {org:String} ORDER BY placed_at, hold_id",
        parameters={"any": org is None, "org": org or ""},
    ).result_rows
    return [_read(row) for row in rows]


def refuse_if_held(client: Client, org: str, refs: Collection[int]) -> None:
    """Raises `Held` when a hold covers the person behind `refs`."""
    for each in holds(client, org):
        if each.covers(org, refs):
            raise Held(each.hold_id, each.reason)


def _read(row: Any) -> Hold:
    hold_id, org, refs, reason, placed_by, placed_at, released_by, why, released_at = row
    return Hold(
        str(hold_id),
        str(org),
        tuple(int(ref) for ref in refs),
        str(reason),
        str(placed_by),
        placed_at.replace(tzinfo=UTC),
        str(released_by),
        str(why),
        None if released_at is None else released_at.replace(tzinfo=UTC),
    )


def _write(client: Client, hold: Hold) -> None:
    row = [
        hold.hold_id,
        hold.org_id,
        list(hold.user_refs),
        hold.reason,
        hold.placed_by,
        hold.placed_at,
        hold.released_by,
        hold.release_reason,
        hold.released_at,
        int(not hold.is_standing),
    ]
    insert_rows(client, "holds", COLUMNS, [row])


def _now() -> datetime:
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
