"""Questions: a caller's texts become bound values, or a clear refusal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import pytest
from tests.queries.plain_store import PlainStore

from trailhouse.queries.caller import Caller
from trailhouse.queries.errors import BadParameter, NotAllowed
from trailhouse.queries.question import Question, ask
from trailhouse.queries.report import load, parse
from trailhouse.sinks.org_settings import OrgSettings

NOW = datetime(2026, 1, 31, 20, tzinfo=UTC)
REPORTS = load()
OPERATOR = Caller.operator()


class Known(PlainStore):
    """A store whose answers are given; asking it about anything else is a failure."""

    def __init__(self, *orgs: str, first: datetime | None = None, said: Sequence[OrgSettings] = ()) -> None:
        self._orgs, self._first, self._said = list(orgs), first, list(said)

    def orgs(self) -> list[str]:
        return self._orgs

    def first_event(self, org: str) -> datetime | None:
        assert org in self._orgs
        return self._first

    def settings(self, orgs: Sequence[str]) -> list[OrgSettings]:
        return [each for each in self._said if each.org_id in orgs]

    def company(self, name: str) -> list[str]:
        return [each.org_id for each in self._said if each.company == name]


def put(
    report: str = "most_active_users", caller: Caller = OPERATOR, store: Known | None = None, **params: str
) -> Question:
    return ask(REPORTS[report], caller, params, store=store or Known(), now=NOW)


def test_defaults_are_the_last_thirty_utc_days() -> None:
    """Nothing but the organisation need be given."""
    question = put(org="acme")
    assert (date(2026, 1, 2), date(2026, 1, 31), "UTC") == (
        question.period.first,
        question.period.last,
        question.period.timezone,
    )
    assert question.own == {"actors": "people", "limit": 10}


def test_today_is_the_zones_today() -> None:
    """At 20:00 UTC it is tomorrow in Kathmandu already."""
    question = put(org="acme", timezone="Asia/Kathmandu", last="1d")
    assert date(2026, 2, 1) == question.period.first == question.period.last


def test_last_counts_back_from_until() -> None:
    """`until` alone moves the end of the default period; an instant at midnight ends the day before."""
    assert date(2025, 12, 2) == put(org="acme", until="2025-12-31").period.first
    question = put(org="acme", until="2026-01-01T00:00:00Z", last="7d")
    assert (date(2025, 12, 25), date(2025, 12, 31)) == (question.period.first, question.period.last)


def test_all_asks_the_store_for_the_first_event() -> None:
    """`all` begins with the organisation's first event."""
    store = Known("acme", first=datetime(2011, 11, 11, 16, tzinfo=UTC))
    assert date(2011, 11, 11) == put(store=store, org="acme", last="all").period.first


def test_the_organisation_may_be_left_out_where_there_is_one() -> None:
    """By rights or by data; otherwise the error lists what there is."""
    assert put(caller=Caller(orgs=frozenset({"acme"}))).orgs == ("acme",)
    assert put(store=Known("beta")).orgs == ("beta",)
    with pytest.raises(BadParameter) as caught:
        put(store=Known("acme", "beta"))
    assert str(caught.value) == "org is needed: there are several: acme, beta"
    with pytest.raises(BadParameter) as caught:
        put(caller=Caller(orgs=frozenset({"x", "y"}), is_known=True), store=Known("acme", "beta"))
    assert str(caught.value.spell("--")) == "--org is needed: there are several: x, y"
    with pytest.raises(BadParameter, match="org is needed: no organisation has a stored event yet"):
        put()
    for orgs in (frozenset({"acme", "beta"}), None):
        with pytest.raises(BadParameter) as caught:
            put(caller=Caller(orgs=orgs), store=Known("acme", "beta"))
        assert (str(caught.value), "acme" in str(caught.value.hint)) == ("org is needed", False)


@pytest.mark.parametrize(
    "caller", [Caller(), Caller(orgs=frozenset({"beta"}), read_pii=True, is_instance=True)]
)
def test_a_foreign_organisation_is_refused_before_anything_is_looked_up(caller: Caller) -> None:
    """Rights decide, and the refusal does not tell whether the organisation exists."""
    with pytest.raises(NotAllowed, match="may not read organisation 'acme'"):
        put(caller=caller, org="acme", last="all")


@pytest.mark.parametrize("org", ["", "a b", "x' OR 1", "*", "a" * 129, "ac\nme"])
def test_an_odd_organisation_is_refused(org: str) -> None:
    """Only what an event's org_id may be."""
    with pytest.raises(BadParameter, match="org is"):
        put(org=org)


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"last": "30"}, "last"),
        ({"since": "soon"}, "since"),
        ({"until": "2026-13-01"}, "until"),
        ({"since": "2026-02-01", "until": "2026-01-01"}, "since"),
        ({"since": "2027-01-01"}, "since"),
        ({"since": "2026-01-01", "last": "7d"}, "last"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"actors": "bots"}, "actors"),
        ({"limit": "0"}, "limit"),
        ({"read_pii": "1"}, "read_pii"),
        ({"spans": "[]"}, "spans"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_used_is_named(params: dict[str, str], name: str) -> None:
    """Values that do not parse, and names the report does not have: rights and period cannot be put in by text."""
    with pytest.raises(BadParameter) as caught:
        ask(REPORTS["most_active_users"], OPERATOR, {"org": "acme", **params}, store=Known(), now=NOW)
    assert caught.value.name == name


def test_a_parameter_of_another_report_is_refused() -> None:
    """`limit` means nothing to a report that does not rank."""
    with pytest.raises(BadParameter) as caught:
        put("events_by_action", org="acme", limit="3")
    assert str(caught.value) == "events_by_action takes no parameter limit"
    assert (
        caught.value.spell("--").hint
        == "it takes --org, --company, --since, --until, --last, --timezone, --week-start, --semantics"
    )


def test_rights_are_bound_from_the_caller() -> None:
    """What decides over personal data and unreadable records comes from the caller alone."""
    masked = put(caller=Caller(orgs=frozenset({"acme"}))).bindings
    assert (masked["orgs"], masked["read_pii"], masked["is_instance"]) == (["acme"], False, False)
    full = put(org="acme").bindings
    assert (full["read_pii"], full["is_instance"]) == (True, False)


def test_without_an_organisation_an_operator_asks_about_the_installation() -> None:
    """Where the report knows how; `all` then reaches back before any event."""
    whole = put("rejected_by_reason", store=Known("acme", "beta"), last="all")
    assert (whole.bindings["orgs"], whole.bindings["is_instance"]) == ([], True)
    assert whole.period.first == date(1970, 1, 1)
    assert put("events_by_action", store=Known("acme")).orgs == ("acme",)
    for caller in (Caller(orgs=None), Caller(orgs=frozenset({"acme"}), is_instance=True)):
        own = put("rejected_by_reason", caller=caller, store=Known("acme"))
        assert (own.bindings["orgs"], own.bindings["is_instance"]) == (["acme"], False)


def test_sql_to_paste_holds_its_values() -> None:
    """`--show-sql` prints one statement, without a placeholder, that clickhouse-client and a POST run as it is."""
    text = put("rejected_by_reason", org="acme", since="2026-01-01", until="2026-01-01").to_sql()
    assert "org_id IN CAST('[\\'acme\\']' AS Array(String))" in text
    assert "CAST('[(1767225600000, 1767312000000)]' AS Array(Tuple(Int64, Int64)))" in text
    assert "{" not in text
    assert ";" not in text


HEADER = """/*
title: Things
question: How many things?
source: [X1]
counts: things
terms: [event]
chart: number
last: 30d
whole: month
semantics:
  late: {since: 2026-01-15, last: 7d, quote: Nothing before January 15., parameters: {top: 5}}
explain: {where: is_activity, column: things, is: count()}
parameters:
  top: {type: UInt32, default: 3, minimum: 1, maximum: 9, text: how many}
columns: {things: {type: integer, unit: things, text: how many}}
*/
SELECT count() AS things FROM events WHERE org_id IN {orgs:Array(String)} AND {top:UInt32} AND {before_ranges:Array(Tuple(Int64, Int64))}"""


def test_semantics_change_what_they_say() -> None:
    """The default period, the first date that counts and parameters; what is asked for wins, but not over that date."""
    report = parse("things", HEADER)

    def late(**params: str) -> Question:
        return ask(
            report, OPERATOR, {"org": "acme", "semantics": "late", **params}, store=PlainStore(), now=NOW
        )

    found = late()
    assert (found.period.first, found.own) == (date(2026, 1, 15), {"top": 5})
    assert found.said == ("late counts nothing before 2026-01-15",)
    assert late(top="2").own == {"top": 2}
    assert late(until="2026-03-15").period.first == date(2026, 3, 1)
    with pytest.raises(BadParameter, match="until is '2026-01-14'") as caught:
        late(until="2026-01-14")
    assert "2026-01-15 or later" in caught.value.hint
    with pytest.raises(BadParameter, match="semantics is 'port'") as caught:
        late(semantics="port")
    assert caught.value.hint == "wanted: one of late"
    with pytest.raises(BadParameter) as caught:
        put("events_by_action", org="acme", semantics="port")
    assert "has one definition" in caught.value.hint


def test_whole_months_begin_with_the_first() -> None:
    """And the period before them is the calendar month before; asked again by its bounds it is the same question."""
    report = parse("things", HEADER)
    found = ask(report, OPERATOR, {"org": "acme", "last": "31d"}, store=PlainStore(), now=NOW)
    assert (found.period.first, found.said) == (date(2026, 1, 1), ())
    found = ask(report, OPERATOR, {"org": "acme", "since": "2026-01-20"}, store=PlainStore(), now=NOW)
    assert (found.period.first, found.said) == (date(2026, 1, 1), ("whole months, from 2026-01-01",))
    assert found.bindings["before_ranges"] == [(1764547200000, 1767225600000)]
    later = datetime(2026, 5, 1, tzinfo=UTC)
    again = ask(report, OPERATOR, found.pinned, store=PlainStore(), now=later)
    assert (again.period, again.own, again.orgs) == (found.period, found.own, found.orgs)


@pytest.mark.parametrize("timezone", ["UTC", "America/St_Johns", "Pacific/Apia"])
@pytest.mark.parametrize(
    "bounds",
    [("2010-11-07", "2010-11-08"), ("2010-11-07T02:00:00Z", "2010-11-07"), ("2011-12-29", "2011-12-31")],
)
def test_a_pinned_question_is_about_the_same_time(timezone: str, bounds: tuple[str, str]) -> None:
    """Also where a date comes back for an hour, so that its instants are no single stretch."""
    since, until = bounds
    found = put(org="acme", since=since, until=until, timezone=timezone)
    again = ask(REPORTS["most_active_users"], OPERATOR, found.pinned, store=PlainStore(), now=NOW)
    assert (again.period.spans, again.own) == (found.period.spans, found.own)
