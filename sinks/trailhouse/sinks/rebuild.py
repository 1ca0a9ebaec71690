"""Make a table anew from the stored events, beside the one there is, compare the two, then switch.

Nothing is missing or doubled meanwhile, and inserts go on. In order:

1. A table `NAME_beside` gets a materialized view of its own, so from now on whatever lands goes into both. Inserts that
   began before are waited for: what they brought is in `events`.
2. What is out of scope is copied; the rest is made from `events` with the view's own SELECT, a month of an organisation at
   a time. What landed meanwhile is in it twice, and the states of all these tables absorb that.
3. Both are compared, key by key.
4. The tables exchange their names, in one step. An insert under way has both views, so it reaches both tables.

Dying halfway leaves `NAME_beside` behind, and the table as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from trailhouse.sinks.clickhouse import INSERT_SETTINGS, Client
from trailhouse.sinks.comparison import Comparison, compare
from trailhouse.sinks.definition import Definition, definition_of
from trailhouse.sinks.errors import RebuildRefused
from trailhouse.sinks.inserts import wait_for_inserts

FIRST: Final = date(1970, 1, 1)
LAST: Final = date(2149, 6, 5)
# As long as it takes: nobody waits for these, and what they fill is not read yet.
_LONG: Final[Mapping[str, Any]] = {
    **INSERT_SETTINGS,
    "max_execution_time": 0,
    "max_partitions_per_insert_block": 0,
    "max_threads": 1,
}
_DAYS: Final = {"slot": "toDate(slot)", "day": "day", "occurred_at": "toDate(occurred_at)", "month": "month"}


@dataclass(frozen=True, slots=True)
class Scope:
    """What to make anew: of one organisation or all (''), UTC days `since` to `until`."""

    org: str = ""
    since: date = FIRST
    until: date = LAST


@dataclass(frozen=True, slots=True)
class Portion:
    """A month of an organisation, or what of it is in scope."""

    org: str
    since: date
    until: date

    @property
    def parameters(self) -> dict[str, Any]:
        return {"org": self.org, "since": self.since, "until": self.until}


def rebuild(  # noqa: PLR0913  # each of these is an option of the command
    client: Client,
    table: str,
    scope: Scope | None = None,
    *,
    query: str = "",
    is_trial: bool = False,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Comparison:
    """Make `table` anew and return what is different; with `is_trial`, compare and leave it as it is.

    `query`: a new definition in place of the view's; the view has it afterwards, too. `on_progress` gets portions done and
    their number. Needs ClickHouse's admin. Raises `RebuildRefused` where events of the scope have expired, where a table
    is not made of events, or while another is at it; `InsertsHang`.
    """
    definition = definition_of(client, table)
    refuse_replicated(client, table)
    scope = whole_scope(client, table, scope or Scope())
    refuse_expired(client, definition, scope)
    wanted = definition.changed(query) if query else definition
    beside, view = f"{table}_beside", f"{table}_beside_mv"
    _refuse_unfinished(client, beside)
    erased = _erased(client)
    try:
        client.command(f"CREATE TABLE {beside} AS {table}")
        client.command(f"CREATE MATERIALIZED VIEW {view} TO {beside} AS {wanted.query}")
        wait_for_inserts(client)
        found = _fill(client, wanted, beside, scope, on_progress)
        if not is_trial:
            if definition.is_personal and _erased(client) != erased:
                raise RebuildRefused("somebody was erased meanwhile", "run it again")
            _switch(client, definition, wanted, beside, scope)
    finally:
        client.command(f"DROP VIEW IF EXISTS {view} SYNC")
        wait_for_inserts(client)
        client.command(f"DROP TABLE IF EXISTS {beside} SYNC")
    return found


def refuse_replicated(client: Client, table: str) -> None:
    """Raise `RebuildRefused` on a cluster: the table beside, and the exchange of the two, would be on one replica alone."""
    rows = client.query(
        "SELECT engine FROM system.tables WHERE database = currentDatabase() AND name = {table:String}",
        parameters={"table": table},
    ).result_rows
    if any(str(engine).startswith("Replicated") for (engine,) in rows):
        raise RebuildRefused(
            f"{table} is replicated", "make it anew on one server, and let a cluster copy it"
        )


def drop_unfinished(client: Client, table: str) -> None:
    """Remove what a rebuild that died left behind."""
    client.command(f"DROP VIEW IF EXISTS {table}_beside_mv SYNC")
    client.command(f"DROP TABLE IF EXISTS {table}_beside SYNC")


def day_of(client: Client, table: str) -> str:
    """How to tell the day of a row (of a month: its first); '' for tables whose rows are of no day."""
    rows = client.query(
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {table:String}",
        parameters={"table": table},
    ).result_rows
    names = {str(row[0]) for row in rows}
    return next((day for name, day in _DAYS.items() if name in names), "")


def whole_scope(client: Client, table: str, scope: Scope) -> Scope:
    """The scope, widened to the months that the table's rows are of; refused where they are of all time."""
    if (scope.since, scope.until) == (FIRST, LAST):
        return scope
    day = day_of(client, table)
    if not day:
        raise RebuildRefused(f"a row of {table} is of all time, not of days", "leave out --since and --until")
    if day != "month":
        return scope
    until = scope.until if scope.until == LAST else _month_end(scope.until)
    return Scope(scope.org, scope.since.replace(day=1), until)


def _fill(
    client: Client,
    definition: Definition,
    beside: str,
    scope: Scope,
    on_progress: Callable[[int, int], None],
) -> Comparison:
    day = day_of(client, definition.table)
    inside = "({org:String} = '' OR org_id = {org:String})"
    if day:
        inside += f" AND {day} >= {{since:Date}} AND {day} <= {{until:Date}}"
    asked = {"org": scope.org, "since": scope.since, "until": scope.until}
    if scope != Scope():
        client.command(
            f"INSERT INTO {beside} SELECT * FROM {definition.table} WHERE NOT ({inside})",
            parameters=asked,
            settings=dict(_LONG),
        )
    portions = list(_portions(client, definition.table, day, scope))
    statement = f"INSERT INTO {beside} {definition.over_events()}"
    for number, portion in enumerate(portions):
        client.command(statement, parameters=portion.parameters, settings=dict(_LONG))
        on_progress(number + 1, len(portions))
    where = "org_id = {org:String}" + (
        f" AND {day} >= {{since:Date}} AND {day} <= {{until:Date}}" if day else ""
    )
    found = Comparison()
    for portion in portions if day else {each.org: each for each in portions}.values():
        parameters = portion.parameters
        found = found.and_(compare(client, definition.table, beside, where=where, parameters=parameters))
    return found


def _portions(client: Client, table: str, day: str, scope: Scope) -> Iterator[Portion]:
    own = (
        f" UNION ALL SELECT DISTINCT org_id, {day} AS day FROM {table}"
        if day
        else f" UNION ALL SELECT DISTINCT org_id, toDate(0) AS day FROM {table}"
    )
    rows = client.query(
        f"SELECT DISTINCT org_id, toStartOfMonth(day) AS month FROM (SELECT org_id, day FROM touched{own}) "
        "WHERE ({org:String} = '' OR org_id = {org:String}) AND day >= {since:Date} AND day <= {until:Date} ORDER BY month, org_id",
        parameters={"org": scope.org, "since": scope.since, "until": scope.until},
    ).result_rows
    for org, month in rows:
        yield Portion(str(org), max(month, scope.since), min(_month_end(month), scope.until))


def _month_end(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _switch(client: Client, definition: Definition, wanted: Definition, beside: str, scope: Scope) -> None:
    if wanted.query != definition.query:
        # From here on no insert may begin that fills the table as it was defined before; those under way end first.
        client.command(f"ALTER TABLE {definition.view} MODIFY QUERY {wanted.query}")
        wait_for_inserts(client)
    # Sealed counts of the sets as they were end here; the days wait for their next seal longer than the exchange takes.
    client.command(
        "INSERT INTO touched SELECT org_id, day, now64(6, 'UTC') FROM touched "
        "WHERE ({org:String} = '' OR org_id = {org:String}) AND day >= {since:Date} AND day <= {until:Date}",
        parameters={"org": scope.org, "since": scope.since, "until": scope.until},
    )
    client.command(f"EXCHANGE TABLES {definition.table} AND {beside}")
    if definition.is_personal:
        client.command(
            f"ALTER TABLE {definition.table} DELETE WHERE (org_id, user_ref) IN (SELECT org_id, user_ref FROM erased) SETTINGS mutations_sync = 2"
        )


def refuse_expired(client: Client, definition: Definition, scope: Scope) -> None:
    """Raise `RebuildRefused` where what retention let go is counted still, and could not be counted again."""
    gone = client.query(
        """
        SELECT org_id, max(gone_before)
        FROM (
          SELECT org_id, toDate(slot) + 1 AS gone_before FROM expired WHERE class = 'events'
          UNION ALL
          SELECT org_id, before AS gone_before FROM expiries WHERE class = 'activity' OR (class = 'pii' AND {is_personal:Bool})
        )
        WHERE ({org:String} = '' OR org_id = {org:String}) AND gone_before > {since:Date}
        GROUP BY org_id ORDER BY max(gone_before) DESC LIMIT 1
        """,
        parameters={"org": scope.org, "since": scope.since, "is_personal": definition.is_personal},
    ).result_rows
    if gone:
        org, before = gone[0]
        raise RebuildRefused(
            f"events of {org} from before {before} have expired, and what {definition.table} counts of them would be lost",
            f"rebuild what is left: --since {before}"
            if day_of(client, definition.table)
            else f"rebuild another organisation: --org; what {definition.table} has of {org} has to stay",
        )


def _refuse_unfinished(client: Client, beside: str) -> None:
    rows = client.query(
        "SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name IN ({beside:String}, concat({beside:String}, '_mv'))",
        parameters={"beside": beside},
    ).result_rows
    if rows:
        raise RebuildRefused(
            f"table {beside} is there: somebody is at it, or a rebuild died",
            "when nobody is: add --drop-unfinished",
        )


def _erased(client: Client) -> int:
    return int(client.query("SELECT uniqExact(org_id, user_ref) FROM erased").result_rows[0][0])
