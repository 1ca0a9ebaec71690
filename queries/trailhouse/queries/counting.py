"""Which reports count one event: those of whose rows one is explained by it, as their headers say.

What `explain` says of a row is a condition on events. Without the parts that speak of the row's own values it says which
events any row may have, and is asked of the one event, in its own day. What other events decide is not asked: how many
make a row (`minimum`), how many rows are shown (`limit`), who has become one of the activated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from trailhouse.queries.caller import Caller
from trailhouse.queries.explain import EVENTS
from trailhouse.queries.header import Source
from trailhouse.queries.orgs import OrgSet, Store, asked_orgs
from trailhouse.queries.periods import between
from trailhouse.queries.question import Question
from trailhouse.queries.report import Report
from trailhouse.queries.store import ClickHouseStore, our_errors
from trailhouse.queries.zones import find_zone
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.trace import STORED, Way

_TOKEN: Final = re.compile(
    r"'(?:[^'\\]|\\.|'')*'|\{\w+:[^{}]+\}|[()\[\]]|\b(?:AND|OR|BETWEEN|CASE)\b|\w+|\s+|.",
    re.DOTALL | re.IGNORECASE,
)
_PLACEHOLDER: Final = re.compile(r"\{(\w+):([^{}]+)\}")
_OF_ROW: Final = "{row_"
_RECORD: Final = "SELECT * FROM {} FINAL WHERE epoch = {{epoch:String}} AND partition = {{partition:UInt16}} AND offset = {{offset:UInt64}}"
_FROM: Final[Mapping[Source, str]] = {
    "events": f"SELECT * FROM ({EVENTS}) WHERE event_id = {{event_id:UUID}}",
    "landed": _RECORD.format("landed"),
    "rejected": _RECORD.format("rejected"),
}


@dataclass(frozen=True, slots=True)
class Ask:
    """One query that asks several reports: a row of 0 and 1, one for each of `names`; no row = there is no such record."""

    sql: str
    names: tuple[str, ...]
    parameters: Mapping[str, Any]


def counted_by(client: Client, reports: Mapping[str, Report], way: Way, event_id: str) -> list[str]:
    """The names of the reports that count this copy, in alphabetical order: none for one that has not landed.

    Parameters of reports have their defaults. Raises `StorageUnavailable`.
    """
    found: list[str] = []
    for ask in asks(reports, way, event_id, ClickHouseStore(client)):
        with our_errors():
            answers = client.query(ask.sql, parameters=dict(ask.parameters)).result_rows
        found += [
            name for row in answers for name, is_counted in zip(ask.names, row, strict=True) if is_counted
        ]
    return sorted(set(found))


def asks(reports: Mapping[str, Report], way: Way, event_id: str, store: Store) -> Iterator[Ask]:
    """A query for each kind of record that the copy became."""
    if way.place is None:
        return
    place = way.place._asdict()
    orgs = {"orgs": [way.org_id]}
    for source in ("landed", "rejected"):
        chosen = [each for each in reports.values() if each.explain.source == source]
        yield _ask(source, chosen, [orgs] * len(chosen), place)
    if way.became == STORED and way.occurred_at is not None:
        about = asked_orgs({"org": way.org_id}, Caller.operator(), store, is_for_instance=False)
        chosen = [each for each in reports.values() if each.explain.source == "events"]
        bindings = [_question(each, about, way).bindings for each in chosen]
        yield _ask("events", chosen, bindings, {"event_id": event_id, **bindings[0]} if bindings else {})


def conditions(where: str) -> tuple[str, ...]:
    """The parts of a condition that must all hold; the condition itself where it is no such conjunction."""
    parts, depth = [""], 0
    for token in _TOKEN.findall(where):
        word = token.upper()
        depth += (token in {"(", "["}) - (token in {")", "]"})
        # An OR at the top binds all of it together; BETWEEN and CASE have words of their own that would be cut at.
        if depth == 0 and word in {"OR", "BETWEEN", "CASE"}:
            return (where.strip(),)
        if depth == 0 and word == "AND":
            parts.append("")
        else:
            parts[-1] += token
    return tuple(part.strip() for part in parts)


def of_any_row(report: Report) -> str:
    """What every event has that is behind some row of the report, as a condition without the row's values."""
    return " AND ".join(part for part in conditions(report.explain.where) if _OF_ROW not in part) or "1"


def _question(report: Report, about: OrgSet, way: Way) -> Question:
    """The report about the millisecond in which the event happened."""
    assert way.occurred_at is not None
    zone = find_zone(about.timezone(None)[0])
    until = way.occurred_at + timedelta(milliseconds=1)
    return Question(
        report=report,
        caller=Caller.operator(),
        about=about,
        period=between(zone, way.occurred_at, until),
        own={each.name: each.default for each in report.parameters},
        since=way.occurred_at,
        until=until,
        week_start=about.week_start(None)[0],
    )


def _ask(
    source: Source,
    reports: Sequence[Report],
    bindings: Sequence[Mapping[str, Any]],
    common: Mapping[str, Any],
) -> Ask:
    """Each report's parameters get a name of their own: two may mean different things by one name."""
    parameters: dict[str, Any] = dict(common)
    columns = []
    for number, (report, bound) in enumerate(zip(reports, bindings, strict=True)):
        where = of_any_row(report)
        parameters |= {f"r{number}_{name}": bound[name] for name, _ in _PLACEHOLDER.findall(where)}
        columns.append(_PLACEHOLDER.sub(rf"{{r{number}_\1:\2}}", f"({where}) AS counted_{number}"))
    sql = f"SELECT {', '.join(columns) or 1} FROM ({_FROM[source]}) AS found"
    return Ask(sql, tuple(each.name for each in reports), parameters)
