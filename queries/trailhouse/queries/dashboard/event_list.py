"""Events of an organisation, the latest first, page by page; and one event by its id."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import orjson

from trailhouse.queries.audit_columns import EVENT
from trailhouse.queries.audit_filter import Filter
from trailhouse.queries.audit_lines import json_line
from trailhouse.queries.audit_read import source
from trailhouse.queries.errors import BadParameter
from trailhouse.queries.periods import Period
from trailhouse.queries.question import filled
from trailhouse.queries.store import our_errors
from trailhouse.sinks.clickhouse import Client

#: Milliseconds end before the year 5139; later ones no calendar of ours has.
_BEFORE: Final = re.compile(r"(\d{1,14})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.ASCII)
#: Days looked at first; while too few are found, four times as many before them.
DAYS_AT_FIRST: Final = 2
ROUNDS_MAX: Final = 8


@dataclass(frozen=True, slots=True)
class Before:
    """The event before which a page begins: when it happened, in ms since 1970 UTC, and its id."""

    ms: int
    event_id: str

    def to_text(self) -> str:
        """For a page's address."""
        return f"{self.ms}.{self.event_id}"

    @classmethod
    def from_text(cls, text: str) -> Before:
        """Read one back; raises `BadParameter`."""
        found = _BEFORE.fullmatch(text)
        if found is None:
            raise BadParameter("before", text, "what a page's link gave")
        return cls(int(found[1]), found[2])


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events as the API tells them, the latest first; `before` begins the next page, None = this is the last."""

    events: Sequence[Mapping[str, Any]]
    before: Before | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Which events: at most `limit` of a period that pass, older than `before`.

    `has_own` False leaves out what Trailhouse records of itself. `collected` is SQL over a row of `events`, never from
    outside.
    """

    org: str
    wanted: Filter
    period: Period
    before: Before | None
    limit: int
    read_pii: bool
    collected: str = "1"
    has_own: bool = True

    @property
    def first(self) -> date:
        """The first UTC day that the period has something of."""
        return self.period.since.date()

    @property
    def last(self) -> date:
        """The last such day."""
        return (self.period.until - timedelta(milliseconds=1)).date()

    def to_sql(self) -> str:
        """All the days in one statement with its values in it, to be printed."""
        return filled(*self.statement(self.first, self.last, self.limit))

    def statement(self, first: date, last: date, limit: int) -> tuple[str, dict[str, Any]]:
        """What finds at most `limit` of the UTC days `first` to `last`, as far as the period has them, and what is bound to it."""
        rows = "org_id = {org:String} AND toDate(occurred_at) >= {first:Date} AND toDate(occurred_at) <= {last:Date}"
        # Not where the days are: which of two copies counts is found before.
        within = "toUnixTimestamp64Milli(event.occurred_at) >= {since_ms:Int64} AND toUnixTimestamp64Milli(event.occurred_at) < {until_ms:Int64}"
        place = "(toUnixTimestamp64Milli(event.occurred_at), event.event_id)"
        older = f"{place} < ({{before_ms:Int64}}, {{before_id:UUID}})" if self.before else "1"
        own = "1" if self.has_own else "event.source != 'trailhouse'"
        sql = (
            f"SELECT toUnixTimestamp64Milli(event.occurred_at), toString(event.event_id), {json_line(EVENT, read_pii=self.read_pii)}"
            f" FROM {source(rows, read_pii=self.read_pii, is_key=True)}"
            f" WHERE {within} AND {older} AND ({self.collected}) AND {own} AND {self.wanted.sql}"
            " ORDER BY event.occurred_at DESC, event.event_id DESC LIMIT {limit:UInt32}"
        )
        bound: dict[str, Any] = {
            "org": self.org,
            "first": str(first),
            "last": str(last),
            "since_ms": round(self.period.since.timestamp() * 1000),
            "until_ms": round(self.period.until.timestamp() * 1000),
            "limit": limit,
            **self.wanted.bound,
        }
        if self.before is not None:
            bound |= {"before_ms": self.before.ms, "before_id": self.before.event_id}
        return sql, bound


def latest(client: Client, asked: Listing) -> EventPage:
    """The events of a listing. Days are read from the end, so the usual page reads few of them.

    Raises `StorageUnavailable`.
    """
    first, last, limit = asked.first, asked.last, asked.limit
    if asked.before is not None:
        last = min(last, datetime.fromtimestamp(asked.before.ms / 1000, UTC).date())
    found: list[tuple[int, str, Mapping[str, Any]]] = []
    days, end = DAYS_AT_FIRST, last
    for number in range(ROUNDS_MAX):
        if end < first or len(found) > limit:
            break
        start = first if number == ROUNDS_MAX - 1 else max(first, end - timedelta(days=days - 1))
        sql, bound = asked.statement(start, end, limit + 1 - len(found))
        with our_errors():
            rows = client.query(sql, parameters=bound).result_rows
        found += [(int(ms), str(event_id), orjson.loads(line)) for ms, event_id, line in rows]
        end, days = start - timedelta(days=1), days * 4
    shown = found[:limit]
    follows = Before(shown[-1][0], shown[-1][1]) if len(found) > limit else None
    return EventPage([event for _, _, event in shown], follows)


def one(
    client: Client, org: str, event_id: str, *, read_pii: bool, collected: str = "1"
) -> list[Mapping[str, Any]]:
    """What is stored of an event id: nothing, the event, or several where the same id came on several days."""
    rows = "org_id = {org:String} AND event_id = {event_id:UUID}"
    sql = (
        f"SELECT {json_line(EVENT, read_pii=read_pii)} FROM {source(rows, read_pii=read_pii)}"
        f" WHERE {collected} ORDER BY event.occurred_at LIMIT 20"
    )
    with our_errors():
        found = client.query(sql, parameters={"org": org, "event_id": event_id}).result_rows
    return [orjson.loads(row[0]) for row in found]
