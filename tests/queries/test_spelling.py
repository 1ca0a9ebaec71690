"""Views spelled out where they are read: nothing is left to be planned twice, and the rows are the same."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from tests.queries.conftest import World

from trailhouse.queries.history import past
from trailhouse.queries.periods import Period, between
from trailhouse.queries.question import bound_period
from trailhouse.queries.report import BOUND, load
from trailhouse.queries.spelling import spelled_out, views

REPORTS = load()
CALL = re.compile(r"\b(?:FROM|JOIN)\s+(\w+)\(")
CUT = between(
    ZoneInfo("Asia/Kathmandu"),
    datetime(2025, 1, 3, 10, 7, tzinfo=UTC),
    datetime(2025, 4, 2, 18, 31, tzinfo=UTC),
)
WHOLE = between(ZoneInfo("Europe/Berlin"), date(2025, 2, 1), date(2025, 5, 31))
# Every view that takes organisations, of those that the reports of this product read.
READ = sorted(
    {name for each in REPORTS.values() for name in CALL.findall(each.sql + each.uncut_sql)} & set(views())
)


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two views, one of which reads the other."""
    known = {
        "inner_in": "SELECT a FROM t WHERE o IN {orgs:Array(String)} AND n = {n:UInt8}",
        "outer_in": "SELECT a FROM inner_in(orgs = {orgs:Array(String)}, n = 1)",
    }
    monkeypatch.setattr("trailhouse.queries.spelling.views", lambda: known)
    spelled_out.cache_clear()


@pytest.mark.usefixtures("two")
def test_a_view_becomes_a_subquery_and_so_do_those_it_reads() -> None:
    """Values stand where the view has its parameters; what surrounds it stays."""
    assert (
        spelled_out("SELECT a FROM outer_in(orgs = {orgs:Array(String)}) AS x WHERE a") == "SELECT a FROM (\n"
        "SELECT a FROM (\nSELECT a FROM t WHERE o IN {orgs:Array(String)} AND n = CAST(1 AS UInt8)\n)\n"
        ") AS x WHERE a"
    )
    spelled_out.cache_clear()


@pytest.mark.usefixtures("two")
def test_values_are_of_the_parameters_type() -> None:
    """Bound with it they stand as they are; commas, brackets and quotes within them end nothing."""
    found = spelled_out(
        "SELECT 1 FROM t LEFT JOIN inner_in(n = {m:UInt8}, orgs = arrayConcat([',)'], {orgs:Array(String)})) AS b ON 1"
    )
    assert found == (
        "SELECT 1 FROM t LEFT JOIN (\nSELECT a FROM t WHERE o IN "
        "CAST(arrayConcat([',)'], {orgs:Array(String)}) AS Array(String)) AND n = {m:UInt8}\n) AS b ON 1"
    )
    with pytest.raises(KeyError, match="n"):
        spelled_out("SELECT a FROM inner_in(orgs = {orgs:Array(String)})")
    with pytest.raises(ValueError, match="never closed"):
        spelled_out("SELECT a FROM inner_in(orgs = (1, 2)")
    assert spelled_out("SELECT 1 FROM numbers(3), t") == "SELECT 1 FROM numbers(3), t"
    spelled_out.cache_clear()


def test_the_newest_migration_decides() -> None:
    """Of a view that was made anew; views without parameters are no one's to spell out."""
    assert "linked_alias" in views()["staff_in"]
    assert "people" not in views()


@pytest.mark.parametrize("name", REPORTS)
def test_no_report_is_asked_with_a_view(name: str) -> None:
    """With cuts and without; nothing has to be bound that was not before."""
    report = REPORTS[name]
    for sql in (report.sql, report.uncut_sql):
        spelled = spelled_out(sql)
        assert not set(CALL.findall(spelled)) & set(views())
        assert set(re.findall(r"\{(\w+):", spelled)) <= set(re.findall(r"\{(\w+):", sql))


@pytest.mark.parametrize("period", [CUT, WHOLE], ids=["cut", "uncut"])
@pytest.mark.parametrize("name", READ)
def test_spelled_out_it_has_the_same_rows(world: World, name: str, period: Period) -> None:
    """Of two organisations; those that do not look at cuts only where there are none."""
    if name.startswith("uncut_") and period.cuts:
        return
    pieces, cuts = past(period)
    bound = {
        "orgs": ["acme", "beta"],
        "week_start": 1,
        "past_spans": [tuple(span) for span in pieces],
        "past_cuts": [tuple(cut) for cut in cuts],
        **bound_period("", period),
    }
    given = {each: f"{{{each}:{kind}}}" for each, kind in BOUND.items()} | {
        "kind": "'entity'",
        "by_source": "true",
        "moments": "{month_ends:Array(Int64)}",
    }
    if name == "activations":
        given |= {each: f"{{past_{each}:{BOUND[each]}}}" for each in ("spans", "cuts")}
    wanted = dict.fromkeys(re.findall(r"\{(\w+):", views()[name]))
    arguments = ", ".join(f"{each} = {given[each]}" for each in wanted)
    sql = f"SELECT * FROM {name}({arguments}) ORDER BY ALL"
    expected, found = (
        world.client.query(text, parameters=bound).result_rows for text in (sql, spelled_out(sql))
    )
    assert spelled_out(sql) != sql
    assert found == expected
