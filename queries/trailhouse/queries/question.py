"""A question: a report, whose data, which period and with which rights, ready to be bound by the server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from trailhouse.queries.caller import Caller
from trailhouse.queries.errors import BadParameter, UnknownParameter
from trailhouse.queries.header import Semantics
from trailhouse.queries.history import past
from trailhouse.queries.lead import lead_of
from trailhouse.queries.orgs import OrgSet, Store, asked_orgs
from trailhouse.queries.periods import (
    Last,
    Period,
    between,
    first_day,
    parse_bound,
    parse_last,
    start_of,
)
from trailhouse.queries.pieces import dates_of, months_of, pieces_of, stretches_of
from trailhouse.queries.report import ASKED, Report
from trailhouse.queries.spelling import spelled_out
from trailhouse.queries.zones import find_zone
from trailhouse.sinks.org_settings import WEEKDAYS

_PLACEHOLDER: Final = re.compile(r"\{(\w+):([^{}]+)\}")
Bound = date | datetime


@dataclass(frozen=True, slots=True)
class Question:
    """One run of a report. `orgs` is empty when it is about the whole installation; `own` holds the report's own
    parameters, defaults filled in; `said` is what was decided for whoever asked, a few words each.

    `since` and `until` are the period's bounds: asked with them later, the question is about the same time.
    """

    report: Report
    caller: Caller
    about: OrgSet
    period: Period
    own: Mapping[str, str | int]
    since: Bound
    until: Bound
    week_start: int = 1
    semantics: Semantics | None = None
    said: tuple[str, ...] = field(default=())

    @property
    def orgs(self) -> tuple[str, ...]:
        """The organisations it is about, all of them allowed; none = the whole installation."""
        return self.about.orgs

    @property
    def before(self) -> Period:
        """What the report may look at from before its period."""
        if self.report.lead:
            lead = str(self.own.get(self.report.lead, self.report.lead))
            return lead_of(self.period, lead, self.week_start)
        return self.period.before(is_whole_month=self.report.is_whole_month)

    @property
    def bindings(self) -> dict[str, Any]:
        """Values of the placeholders, for the server to bind: rights and period from here, never from text."""
        return {
            "orgs": list(self.orgs),
            **bound_period("", self.period),
            **(bound_period("before_", self.before) if "{before_" in self.report.sql else {}),
            **(_bound_past(self.period) if "{past_" in self.report.sql else {}),
            "week_start": self.week_start,
            "read_pii": self.caller.read_pii,
            "is_instance": not self.orgs,
            "is_known": self.caller.is_known,
            **self.own,
        }

    @property
    def sql(self) -> str:
        """The report's SQL as this question needs it, for people to read."""
        is_cut = (
            self.period.cuts
            or ("{before_cuts:" in self.report.sql and self.before.cuts)
            or ("{past_cuts:" in self.report.sql and past(self.period)[1])
        )
        return self.report.sql if is_cut else self.report.uncut_sql

    @property
    def spelled_sql(self) -> str:
        """The same for the engine, which plans it sooner."""
        return spelled_out(self.sql)

    @property
    def pinned(self) -> dict[str, str]:
        """Texts that ask the same question again, whatever day it is then."""
        asked = {
            **({"company": self.about.company} if self.about.company else {"org": ",".join(self.orgs)}),
            "since": _text(self.since),
            "until": _text(self.until),
            "timezone": self.period.timezone,
            "week_start": WEEKDAYS[self.week_start - 1],
            **({"semantics": self.semantics.name} if self.semantics else {}),
        }
        return {name: text for name, text in asked.items() if text} | {
            name: str(value) for name, value in self.own.items()
        }

    def to_sql(self) -> str:
        """One statement with its values in it, for clickhouse-client or a POST. It is printed; what is run is bound."""
        return filled(self.sql, self.bindings)


def filled(sql: str, values: Mapping[str, Any]) -> str:
    """The SQL with its values in the place of placeholders, to be printed."""
    return _PLACEHOLDER.sub(lambda found: f"CAST('{_literal(values[found[1]])}' AS {found[2]})", sql)


def ask(
    report: Report, caller: Caller, params: Mapping[str, str], *, store: Store, now: datetime
) -> Question:
    """The question a caller asks with text parameters (`ASKED` and the report's own).

    Without an organisation, a report that knows `{is_instance:Bool}` is about the whole installation for those who
    operate it. Raises `BadParameter` for a value that cannot be used or a name the report does not have, `NotAllowed` for an
    organisation the caller may not see; nothing is looked up about that one.
    """
    own = {each.name: each for each in report.parameters}
    if unknown := [name for name in params if name not in ASKED and name not in own]:
        raise UnknownParameter(report.name, unknown[0], (*ASKED, *own))
    about = asked_orgs(params, caller, store, is_for_instance=report.is_for_instance)
    semantics = _semantics(report, params)
    defaults = {name: each.default for name, each in own.items()}
    if semantics is not None:
        defaults |= semantics.parameters
    timezone, of_zone = about.timezone(params.get("timezone"))
    week_start, of_week = about.week_start(params.get("week_start"))
    zone = find_zone(timezone)
    since, until = _bounds(report, params, semantics, zone=zone, orgs=about.orgs, store=store, now=now)
    values = {
        name: each.parse(params[name]) if name in params else defaults[name] for name, each in own.items()
    }
    unit = "month" if report.is_whole_month else str(values.get(report.lead, ""))
    since, of_since = _settled(since, between(zone, since, until), unit, week_start, semantics)
    said = (of_zone, of_week if "{week_start:" in report.sql else "", of_since)
    return Question(
        report=report,
        caller=caller,
        about=about,
        period=between(zone, since, until),
        own=values,
        since=since,
        until=until,
        week_start=week_start,
        semantics=semantics,
        said=tuple(text for text in said if text),
    )


def _semantics(report: Report, params: Mapping[str, str]) -> Semantics | None:
    name = params.get("semantics")
    if name is None:
        return None
    if name not in report.semantics:
        known = ", ".join(report.semantics) or f"none: {report.name} has one definition"
        raise BadParameter("semantics", name, f"one of {known}" if report.semantics else known)
    return report.semantics[name]


def _bounds(  # noqa: PLR0913 - all that a period depends on
    report: Report,
    params: Mapping[str, str],
    semantics: Semantics | None,
    *,
    zone: ZoneInfo,
    orgs: tuple[str, ...],
    store: Store,
    now: datetime,
) -> tuple[Bound, Bound]:
    until: Bound = (
        parse_bound("until", params["until"], zone) if "until" in params else now.astimezone(zone).date()
    )
    if "since" in params:
        if "last" in params:
            raise BadParameter("last", params["last"], "either since or last, not both")
        return parse_bound("since", params["since"], zone), until
    default = (semantics.last if semantics else "") or report.last
    last: Last = parse_last(params.get("last", default))
    # An instant at local midnight ends the day before it.
    end = (
        (until - timedelta(milliseconds=1)).astimezone(zone).date() if isinstance(until, datetime) else until
    )
    first_event = _first_event(orgs, store) if last.count is None else None
    return first_day(last, end, zone, first_event), until


def _settled(
    since: Bound, asked: Period, unit: str, week_start: int, semantics: Semantics | None
) -> tuple[Bound, str]:
    """The first bound as the report (the first week or month counts whole) and the definition want it, and why."""
    first, said = asked.first, ""
    if unit:
        start = start_of(unit, first, week_start)
        is_cut = start != first or isinstance(since, datetime)
        since, first, said = start, start, f"whole {unit}s, from {start}" if is_cut else ""
    floor = semantics.since if semantics else None
    if semantics is None or floor is None or floor <= first:
        return since, said
    if floor > asked.last:
        raise BadParameter(
            "until", str(asked.last), f"{floor} or later: {semantics.name} counts nothing before it"
        )
    return floor, f"{semantics.name} counts nothing before {floor}"


def _first_event(orgs: tuple[str, ...], store: Store) -> datetime | None:
    # What names no organisation may be older than any event.
    if not orgs:
        return datetime.fromtimestamp(0, UTC)
    found = [moment for org in orgs if (moment := store.first_event(org)) is not None]
    return min(found, default=None)


def bound_period(prefix: str, period: Period) -> dict[str, Any]:
    """A period as the placeholders whose names begin with `prefix` want it."""
    months = months_of(period.spans)
    return {
        f"{prefix}spans": [tuple(span) for span in period.spans],
        f"{prefix}cuts": [tuple(cut) for cut in period.cuts],
        f"{prefix}ranges": list(period.ranges),
        f"{prefix}pieces": [tuple(piece) for piece in pieces_of(period.spans)],
        f"{prefix}stretches": [tuple(stretch) for stretch in stretches_of(period.spans)],
        f"{prefix}dates": [tuple(run) for run in dates_of(period.spans)],
        f"{prefix}months": [month.isoformat() for month in months],
        f"{prefix}month_ends": list(months.values()),
    }


def _bound_past(period: Period) -> dict[str, Any]:
    pieces, cuts = past(period)
    return {"past_spans": [tuple(span) for span in pieces], "past_cuts": [tuple(cut) for cut in cuts]}


def _text(bound: Bound) -> str:
    return bound.isoformat().replace("+00:00", "Z")


def _literal(value: Any) -> str:
    return str(value).replace("\\", "\\\\").replace("'", "\\'")
