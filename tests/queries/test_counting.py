"""Which reports count an event, as conditions; that they are right is in test_reports_simulated."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.queries.plain_store import PlainStore

from trailhouse.queries.counting import asks, conditions, of_any_row
from trailhouse.queries.report import load
from trailhouse.sinks.trace import IN_FLIGHT, REPEAT, STORED, Way
from trailhouse.stream.letter import Place

REPORTS = load()
AT = datetime(2026, 3, 2, 10, tzinfo=UTC)
PLACE = Place("epoch", 1, 7)


@pytest.mark.parametrize(
    ("where", "parts"),
    [
        ("a", ("a",)),
        ("a = 1 AND b = 2", ("a = 1", "b = 2")),
        ("a AND (b AND c) and [1 AND 2][1]", ("a", "(b AND c)", "[1 AND 2][1]")),
        ("a = ') AND (' AND b", ("a = ') AND ('", "b")),
        (r"a = 'it\' AND c' AND b = 'x'' AND y'", (r"a = 'it\' AND c'", "b = 'x'' AND y'")),
        (
            "BRAND AND f(x, {names:Array(Tuple(Int64, Int64))})",
            ("BRAND", "f(x, {names:Array(Tuple(Int64, Int64))})"),
        ),
        ("a AND b OR c AND d", ("a AND b OR c AND d",)),
        ("a AND (b OR c)", ("a", "(b OR c)")),
        ("a BETWEEN 1 AND 2", ("a BETWEEN 1 AND 2",)),
    ],
)
def test_a_condition_is_cut_at_its_own_ands(where: str, parts: tuple[str, ...]) -> None:
    """Not at those in parentheses, in quotes, in names; one with an OR at the top is one part."""
    assert conditions(where) == parts


def test_what_speaks_of_the_row_is_left_out() -> None:
    """So that what remains says which events any row may have."""
    assert of_any_row(REPORTS["actions_by_role"]) == "action = 'action:run'"
    assert of_any_row(REPORTS["rejected_by_reason"]) == "1"
    assert [name for name, each in REPORTS.items() if "{row_" in of_any_row(each)] == []
    # A report of events without a condition would count every event.
    of_events = [name for name, each in REPORTS.items() if each.explain.source == "events"]
    assert [name for name in of_events if of_any_row(REPORTS[name]) == "1"] == ["events_by_action"]


def test_each_kind_of_record_is_asked_once() -> None:
    """The event itself only where it was stored; what two reports call by one name is told apart."""
    store = PlainStore()
    assert list(asks(REPORTS, Way("acme", IN_FLIGHT, ()), "id", store)) == []
    assert len(list(asks(REPORTS, Way("acme", REPEAT, (), place=PLACE), "id", store))) == 2
    *_, ask = asks(REPORTS, Way("acme", STORED, (), place=PLACE, occurred_at=AT), "id", store)
    assert len(ask.names) == sum(each.explain.source == "events" for each in REPORTS.values())
    assert (ask.parameters["orgs"], ask.parameters["event_id"]) == (["acme"], "id")
    hours = [value for name, value in ask.parameters.items() if name.endswith(("_starts", "_ends"))]
    assert sorted(value for value in hours if isinstance(value, int)) == [8, 18]
    assert "{starts:" not in ask.sql
