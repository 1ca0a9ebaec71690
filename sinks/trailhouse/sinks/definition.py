"""Definitions: how each table that is made from what lands is made, read from the views themselves.

A view's SELECT over `landing` can be asked of stored events as well (`Definition.over_events`). So whatever a view does to
the next insert can be done again to everything that is stored, and a new version of it can be tried out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.errors import RebuildRefused

LANDING: Final = "landing"
#: What everything else is made again from, and the ledgers: they say what landed, not what the events say.
SOURCES: Final = frozenset({"events", "event_pii", "landed", "rejected", "touched"})
_FROM: Final = r"\bFROM\s+(?:`?\w+`?\.)?`?{table}`?(?![\w.])"
_TARGET: Final = re.compile(r"^CREATE MATERIALIZED VIEW \S+ TO (?:`?\w+`?\.)?`?(\w+)`?")
#: Columns of `landing` that only a join with personal data gives back.
_PERSONAL: Final = re.compile(r"\b(?:pii|identity|subject_refs)\b")

# One organisation, UTC days `since` to `until`. `{where}` says which.
IN_SCOPE: Final = (
    "org_id = {org:String} AND toDate(occurred_at) >= {since:Date} AND toDate(occurred_at) <= {until:Date}"
)
_EVENTS: Final = "SELECT *, '' AS reason FROM events FINAL WHERE {where}"
# Who somebody is says the directory: a ref is made of it and of nothing else.
_EVENTS_AND_PEOPLE: Final = """
SELECT events.*, '' AS reason, personal.subject_refs AS subject_refs, personal.pii AS pii, known.identity AS identity
FROM (SELECT * FROM events FINAL WHERE {where}) AS events
LEFT JOIN (
  SELECT event_id AS personal_id, toDate(occurred_at) AS personal_day, subject_refs, pii FROM event_pii FINAL WHERE {where}
) AS personal ON events.event_id = personal.personal_id AND toDate(events.occurred_at) = personal.personal_day
LEFT JOIN (
  SELECT user_ref AS known_ref, max(identity) AS identity FROM users WHERE org_id = {org:String} GROUP BY user_ref
) AS known ON events.user_ref = known.known_ref
"""


@dataclass(frozen=True, slots=True)
class Definition:
    """`table` is filled by materialized view `view`, whose SELECT over `source` is `query`.

    Where `source` is not `landing` but a table that stores nothing, `feed` is the definition of that one.
    """

    table: str
    view: str
    source: str
    query: str
    feed: Definition | None = None

    @property
    def is_personal(self) -> bool:
        """Whether personal data of events go into it."""
        return bool(_PERSONAL.search(self.query)) or (self.feed is not None and self.feed.is_personal)

    def over(self, rows: str) -> str:
        """The query, asked of `rows` (a SELECT with the source's columns) in place of the source."""
        return re.sub(
            _FROM.format(table=self.source), lambda _: f"FROM ({rows}) AS {self.source}", self.query
        )

    def over_events(self, where: str = IN_SCOPE) -> str:
        """The query, asked of the stored events that `where` picks (of one organisation, `{org:String}`)."""
        if self.feed is not None:
            return self.over(self.feed.over_events(where))
        rows = _EVENTS_AND_PEOPLE if self.is_personal else _EVENTS
        return self.over(rows.replace("{where}", where))

    def changed(self, query: str) -> Definition:
        """The same with another query over the same source; raises `RebuildRefused` for one that reads something else."""
        bare = re.sub(r"--[^\n]*", "", query).strip().rstrip(";")
        if not re.search(_FROM.format(table=self.source), bare):
            raise RebuildRefused(
                f"this definition does not read {self.source}", f"begin with the SELECT of view {self.view}"
            )
        return replace(self, query=bare)


def definitions(client: Client) -> Mapping[str, Definition]:
    """Every table that can be made anew from events, by name, as the database defines it now."""
    rows = client.query(
        "SELECT name, create_table_query, as_select FROM system.tables "
        "WHERE database = currentDatabase() AND engine = 'MaterializedView' ORDER BY name"
    ).result_rows
    views = {
        found[1]: (str(name), str(select))
        for name, created, select in rows
        if (found := _TARGET.match(str(created))) is not None
    }
    known = {table: made for table in views if (made := _define(table, views)) is not None}
    fed = {made.source for made in known.values()}
    return {table: made for table, made in sorted(known.items()) if table not in SOURCES | fed}


def definition_of(client: Client, table: str) -> Definition:
    """That of one table; raises `RebuildRefused` for any that is not made from events alone."""
    known = definitions(client)
    if table not in known:
        raise RebuildRefused(f"{table} is not made from events", "tables that are: " + ", ".join(known))
    return known[table]


def _define(table: str, views: Mapping[str, tuple[str, str]]) -> Definition | None:
    view, query = views[table]
    if re.search(_FROM.format(table=LANDING), query):
        return Definition(table, view, LANDING, query)
    for source in views:
        if source != table and re.search(_FROM.format(table=source), query):
            feed = _define(source, views)
            return None if feed is None else Definition(table, view, source, query, feed)
    return None
