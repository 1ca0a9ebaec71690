"""Rejected records as people look for them: by organisation, reason and time, with what became of a replay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from trailhouse.queries.errors import BadParameter, OrgNeeded
from trailhouse.queries.periods import parse_bound
from trailhouse.queries.self_audit import INSTALLATION
from trailhouse.queries.store import our_errors
from trailhouse.sinks.clickhouse import Client
from trailhouse.stream.letter import Place
from trailhouse.stream.rejected import Reason

_UTC: Final = ZoneInfo("UTC")
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_END: Final = datetime(2200, 1, 1, tzinfo=UTC)

# The newest first. `became` is told by what landed at the place a replay went to.
_ROWS: Final = """
SELECT rejected.received_at, rejected.epoch, rejected.partition, rejected.offset, rejected.org_id, rejected.reason,
  rejected.detail, rejected.size, rejected.digest, sent.replayed_at, sent.is_edited,
  multiIf(sent.is_sent = 0, '', landing.is_there = 0, 'sent', landing.reason = '', 'stored', concat('rejected: ', landing.reason)) AS became
FROM (
  SELECT * FROM rejected FINAL
  WHERE (org_id = {org:String} OR {every_org:Bool})
    AND (reason = {reason:String} OR {reason:String} = '')
    AND toUnixTimestamp64Milli(received_at) >= {since:Int64} AND toUnixTimestamp64Milli(received_at) < {until:Int64}
    AND (empty({places:Array(String)}) OR concat(epoch, '/', toString(partition), '/', toString(offset)) IN {places:Array(String)})
    AND ({after:String} = '' OR (received_at, epoch, partition, offset) < (
      SELECT received_at, epoch, partition, offset FROM rejected
      WHERE concat(epoch, '/', toString(partition), '/', toString(offset)) = {after:String} LIMIT 1
    ))
    AND (NOT {only_new:Bool} OR (epoch, partition, offset) NOT IN (SELECT epoch, partition, offset FROM replays))
  ORDER BY received_at DESC, epoch DESC, partition DESC, offset DESC
  LIMIT {limit:UInt64}
) AS rejected
LEFT JOIN (SELECT *, 1 AS is_sent FROM replays FINAL) AS sent
  ON rejected.epoch = sent.epoch AND rejected.partition = sent.partition AND rejected.offset = sent.offset
LEFT JOIN (
  SELECT epoch, partition, offset, reason, 1 AS is_there FROM landed FINAL
  WHERE (epoch, partition, offset) IN (SELECT to_epoch, to_partition, to_offset FROM replays)
) AS landing
  ON sent.to_epoch = landing.epoch AND sent.to_partition = landing.partition AND sent.to_offset = landing.offset
ORDER BY rejected.received_at DESC, rejected.epoch DESC, rejected.partition DESC, rejected.offset DESC
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rejected records: of one organisation, or all (`org` None), those that name none included."""

    org: str | None


@dataclass(frozen=True, slots=True)
class Rejected:
    """One rejected record. `became`: '' = not replayed, `sent` = on the raw topic again, `stored`, `rejected: REASON`."""

    received_at: datetime
    place: Place
    org: str
    reason: str
    detail: str
    size: int
    digest: str
    replayed_at: datetime | None
    is_edited: bool
    became: str


@dataclass(frozen=True, slots=True)
class Filter:
    """Which of them; '' = any. Times as ISO 8601 dates (UTC; `until` counts whole) or instants."""

    reason: str = ""
    since: str = ""
    until: str = ""
    places: tuple[str, ...] = ()
    after: str = ""
    only_new: bool = False


def scope_of(client: Client, org: str | None, *, every_org: bool) -> Scope:
    """The scope asked for; without any, everything where there is one organisation at most.

    Raises `BadParameter` where there are several, so that nobody reads another's records by leaving out a word.
    """
    if org is not None and every_org:
        raise BadParameter("org", org, "either an organisation or all of them, not both")
    if org is not None or every_org:
        return Scope(org)
    with our_errors():
        rows = client.query(
            "SELECT DISTINCT org_id FROM (SELECT org_id FROM rejected UNION ALL SELECT org_id FROM action_slots) WHERE org_id NOT IN ('', {none:String}) ORDER BY org_id LIMIT 20",
            parameters={"none": INSTALLATION},
        ).result_rows
    if len(rows) > 1:
        raise OrgNeeded([str(row[0]) for row in rows], ", or all: --all-orgs").spell("--")
    return Scope(None)


def find_rejected(client: Client, scope: Scope, wanted: Filter, limit: int) -> list[Rejected]:
    """The newest `limit` rejected records; raises `BadParameter` for a reason, time or place that cannot be used."""
    if wanted.reason and wanted.reason not in set(Reason):
        raise BadParameter("reason", wanted.reason, "one of " + ", ".join(Reason))
    for text in (*wanted.places, *((wanted.after,) if wanted.after else ())):
        _checked(text)
    parameters = {
        "org": scope.org or "",
        "every_org": scope.org is None,
        "reason": wanted.reason,
        "since": _millis(_instant("since", wanted.since, _BEGINNING)),
        "until": _millis(_instant("until", wanted.until, _END)),
        "places": list(wanted.places),
        "after": wanted.after,
        "only_new": wanted.only_new,
        "limit": limit,
    }
    with our_errors():
        rows = client.query(_ROWS, parameters=parameters).result_rows
    return [_rejected(row) for row in rows]


def find_one(client: Client, scope: Scope, place: str) -> Rejected:
    """The rejected record at `place`; raises `BadParameter` when there is none in this scope."""
    if found := find_rejected(client, scope, Filter(places=(place,)), 1):
        return found[0]
    whose = "" if scope.org is None else f" of organisation {scope.org}"
    raise BadParameter(
        "place", place, f"the place of a rejected record{whose}, as `trailhouse rejected list` shows it"
    )


def _checked(text: str) -> Place:
    try:
        return Place.parse(text)
    except ValueError:
        raise BadParameter(
            "place", text, "EPOCH/PARTITION/OFFSET, as `trailhouse rejected list` shows it"
        ) from None


def _instant(name: str, text: str, otherwise: datetime) -> datetime:
    if not text:
        return otherwise
    bound = parse_bound(name, text, _UTC)
    if isinstance(bound, datetime):
        return bound
    first: date = bound + timedelta(days=1) if name == "until" else bound
    return datetime.combine(first, time(), UTC)


def _millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _rejected(row: Sequence[Any]) -> Rejected:
    received, epoch, partition, offset, org, reason, detail, size, digest, replayed, is_edited, became = row
    return Rejected(
        received.replace(tzinfo=UTC),
        Place(str(epoch), int(partition), int(offset)),
        str(org),
        str(reason),
        str(detail),
        int(size),
        str(digest),
        replayed.replace(tzinfo=UTC) if became else None,
        bool(is_edited),
        str(became),
    )
