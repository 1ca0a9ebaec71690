"""A question: a report, whose data, which period and with which rights, ready to be bound by the server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Protocol

from trailhouse.producers.event import ORG_ID
from trailhouse.queries.caller import Caller
from trailhouse.queries.errors import BadParameter, OrgNeeded, UnknownParameter
from trailhouse.queries.history import past
from trailhouse.queries.lead import lead_of, widened
from trailhouse.queries.periods import Last, Period, between, first_day, parse_bound, parse_last
from trailhouse.queries.report import ASKED, Report
from trailhouse.queries.zones import find_zone

DEFAULT_TIMEZONE: Final = "UTC"
DEFAULT_WEEK_START: Final = 1
# In place of an organisation: all of them, and records that name none. No caller's text can be this.
INSTANCE: Final = ""
_PLACEHOLDER: Final = re.compile(r"\{([a-z_]+):([^{}]+)\}")


class Store(Protocol):
    """What must be looked up before some questions are complete."""

    def orgs(self) -> list[str]:
        """Every organisation with a stored event, in alphabetical order."""
        ...

    def first_event(self, org: str) -> datetime | None:
        """When the organisation's first event occurred; None when it has none."""
        ...

    def first_reject(self, org: str) -> datetime | None:
        """When the organisation's first rejected record arrived, "" = anybody's; None when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """One run of a report. `orgs` is empty when it is about the whole installation; `own` holds the report's own
    parameters, defaults filled in.
    """

    report: Report
    caller: Caller
    orgs: tuple[str, ...]
    period: Period
    own: Mapping[str, str | int]

    @property
    def org(self) -> str:
        """The organisations as one text, with commas; `INSTANCE` when it is about the whole installation."""
        return ",".join(self.orgs) if self.orgs else INSTANCE

    @property
    def before(self) -> Period:
        """What the report may look at from before its period."""
        if self.report.lead:
            return lead_of(
                self.period, str(self.own.get(self.report.lead, self.report.lead)), DEFAULT_WEEK_START
            )
        return self.period.before(is_whole_month=self.report.is_whole_month)

    @property
    def bindings(self) -> dict[str, Any]:
        """Values of the placeholders, for the server to bind: rights and period from here, never from text."""
        return {
            "orgs": list(self.orgs),
            **_bound_period("", self.period),
            **_bound_period("before_", self.before),
            **(_bound_past(self.period) if "{past_" in self.report.sql else {}),
            "week_start": DEFAULT_WEEK_START,
            "read_pii": self.caller.read_pii,
            "is_instance": not self.orgs,
            "is_known": self.caller.is_known,
            **self.own,
        }

    def to_sql(self) -> str:
        """One statement with its values in it, for clickhouse-client or a POST. It is printed; what is run is bound."""
        values = self.bindings
        return _PLACEHOLDER.sub(
            lambda found: f"CAST('{_literal(values[found[1]])}' AS {found[2]})", self.report.sql
        )


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
    is_whole = "org" not in params and caller.is_operator and report.is_for_instance
    orgs = () if is_whole else (org_of(params.get("org"), caller, store),)
    values = {
        name: each.parse(params[name]) if name in params else each.default for name, each in own.items()
    }
    period = _period(report, params, orgs=orgs, store=store, now=now)
    if report.lead in values:
        period = widened(period, str(values[report.lead]), DEFAULT_WEEK_START)
    return Question(report=report, caller=caller, orgs=orgs, period=period, own=values)


def org_of(asked: str | None, caller: Caller, store: Store) -> str:
    """The organisation asked for, or the only one the caller may read; raises `BadParameter` and `NotAllowed`."""
    if asked is not None:
        check_org(asked)
        caller.check(asked)
        return asked
    if caller.default_org:
        caller.check(caller.default_org)
        return caller.default_org
    orgs = sorted(caller.orgs) if caller.orgs is not None else store.orgs()
    if len(orgs) != 1:
        raise OrgNeeded(orgs if caller.is_known else None)
    return orgs[0]


def check_org(text: str) -> None:
    """Raise `BadParameter` for what is no organisation's id: such text gets into no query, header or record."""
    if not ORG_ID.fullmatch(text):
        raise BadParameter("org", text, "an organisation's id: 1-128 of A-Z a-z 0-9 . _ : -")


def _period(
    report: Report, params: Mapping[str, str], *, orgs: tuple[str, ...], store: Store, now: datetime
) -> Period:
    zone = find_zone(params.get("timezone", DEFAULT_TIMEZONE))
    until: date | datetime = (
        parse_bound("until", params["until"], zone) if "until" in params else now.astimezone(zone).date()
    )
    if "since" in params:
        if "last" in params:
            raise BadParameter("last", params["last"], "either since or last, not both")
        return between(zone, parse_bound("since", params["since"], zone), until)
    last: Last = parse_last(params.get("last", report.last))
    # An instant at local midnight ends the day before it.
    end = (
        (until - timedelta(milliseconds=1)).astimezone(zone).date() if isinstance(until, datetime) else until
    )
    first_event = _first_event(orgs, store) if last.count is None else None
    return between(zone, first_day(last, end, zone, first_event), until)


def _first_event(orgs: tuple[str, ...], store: Store) -> datetime | None:
    # What names no organisation may be older than any event.
    if not orgs:
        return datetime.fromtimestamp(0, UTC)
    found = [moment for org in orgs if (moment := store.first_event(org)) is not None]
    return min(found, default=None)


def _bound_period(prefix: str, period: Period) -> dict[str, Any]:
    return {
        f"{prefix}spans": [tuple(span) for span in period.spans],
        f"{prefix}cuts": [tuple(cut) for cut in period.cuts],
        f"{prefix}ranges": list(period.ranges),
    }


def _bound_past(period: Period) -> dict[str, Any]:
    pieces, cuts = past(period)
    return {"past_spans": [tuple(span) for span in pieces], "past_cuts": [tuple(cut) for cut in cuts]}


def _literal(value: Any) -> str:
    return str(value).replace("\\", "\\\\").replace("'", "\\'")
