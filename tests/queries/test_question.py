"""Questions: a caller's texts become bound values, or a clear refusal."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from trailhouse.queries.caller import Caller
from trailhouse.queries.errors import BadParameter, NotAllowed
from trailhouse.queries.question import Question, ask
from trailhouse.queries.report import load

NOW = datetime(2026, 1, 31, 20, tzinfo=UTC)
REPORTS = load()
OPERATOR = Caller.operator()


class Known:
    """A store whose answers are given; asking it about anything else is a failure."""

    def __init__(self, *orgs: str, first: datetime | None = None) -> None:
        self._orgs, self._first = list(orgs), first

    def orgs(self) -> list[str]:
        return self._orgs

    def first_event(self, org: str) -> datetime | None:
        assert org in self._orgs
        return self._first

    def first_reject(self, org: str) -> datetime | None:
        raise AssertionError


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
    assert put(caller=Caller(orgs=frozenset({"acme"}))).org == "acme"
    assert put(store=Known("beta")).org == "beta"
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
    assert caught.value.spell("--").hint == "it takes --org, --since, --until, --last, --timezone"


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
    assert put("events_by_action", store=Known("acme")).org == "acme"
    for caller in (Caller(orgs=None), Caller(orgs=frozenset({"acme"}), is_instance=True)):
        own = put("rejected_by_reason", caller=caller, store=Known("acme"))
        assert (own.bindings["orgs"], own.bindings["is_instance"]) == (["acme"], False)


def test_sql_to_paste_holds_its_values() -> None:
    """`--show-sql` prints one statement, without a placeholder, that clickhouse-client and a POST run as it is."""
    text = put("events_by_action", org="acme", since="2026-01-01", until="2026-01-01").to_sql()
    assert "org_id IN CAST('[\\'acme\\']' AS Array(String))" in text
    assert "CAST('[(1767225600000, 1767312000000)]' AS Array(Tuple(Int64, Int64)))" in text
    assert "{" not in text
    assert ";" not in text
