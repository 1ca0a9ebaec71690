"""Panels for Grafana: the SQL in them runs, and answers what the report answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.queries.conftest import World

from trailhouse.queries.caller import Caller
from trailhouse.queries.grafana import PLUGIN, dashboard, panel, sql_of
from trailhouse.queries.reports import load
from trailhouse.queries.runner import run

REPORTS = load()
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
# Masked as in Grafana, whose `org` variable stands for rights here.
CALLER = Caller(orgs=frozenset({"acme", "beta"}))


def as_grafana_does(sql: str, since: datetime, until: datetime) -> str:
    """The statement with Grafana's variables replaced."""
    values = {
        "${__from}": str(int(since.timestamp() * 1000)),
        "${__to}": str(int(until.timestamp() * 1000)),
        "${org:singlequote}": "'acme','beta'",
    }
    for name, value in values.items():
        sql = sql.replace(name, value)
    assert "$" not in sql
    return sql


def plain(rows: Any) -> list[tuple[Any, ...]]:
    def of(value: Any) -> Any:
        return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value

    return [tuple(of(value) for value in row) for row in rows]


@pytest.mark.parametrize("name", REPORTS)
def test_a_panel_answers_what_the_report_answers(world: World, name: str) -> None:
    """For the whole UTC days that Grafana's range touches."""
    range_of = (datetime(2025, 1, 3, 10, 7, tzinfo=UTC), datetime(2025, 4, 2, 18, 30, tzinfo=UTC))
    found = world.client.query(as_grafana_does(sql_of(REPORTS[name]), *range_of)).result_rows
    asked = {
        "org": "acme,beta",
        "since": "2025-01-03",
        "until": "2025-04-02",
        "timezone": "UTC",
        "week_start": "monday",
    }
    assert plain(found) == plain(run(world.client, REPORTS[name], CALLER, asked, now=NOW).rows)


def test_a_series_has_a_time_for_its_axis(world: World) -> None:
    """A date becomes the midnight it begins with, in order."""
    target = panel(REPORTS["users_active_over_time"])["targets"][0]
    range_of = (datetime(2025, 3, 30, tzinfo=UTC), datetime(2025, 4, 1, 23, tzinfo=UTC))
    found = world.client.query(as_grafana_does(target["rawSql"], *range_of)).result_rows
    assert [row[0].replace(tzinfo=UTC) for row in found] == [
        datetime(2025, 3, 30, tzinfo=UTC),
        datetime(2025, 3, 31, tzinfo=UTC),
        datetime(2025, 4, 1, tzinfo=UTC),
    ]
    assert (target["format"], target["queryType"]) == (0, "timeseries")


def test_a_dashboard_has_what_its_panels_need() -> None:
    """Kinds from the charts, periods and units from the headers, the organisations as a variable."""
    made = dashboard(REPORTS.values())
    assert len(made["panels"]) == len(REPORTS)
    by_title = {each["title"]: each for each in made["panels"]}
    for report in REPORTS.values():
        shown = by_title[report.title]
        assert shown["datasource"] == {"type": PLUGIN, "uid": "${datasource}"}
        assert report.question in shown["description"]
    assert by_title["Active users"]["type"] == "stat"
    assert by_title["Active users"]["timeFrom"] == "30d"
    assert by_title["Weekly active users"]["fieldConfig"]["defaults"]["custom"]["drawStyle"] == "bars"
    assert [each["name"] for each in made["templating"]["list"]] == ["datasource", "org"]
    places = {(each["gridPos"]["x"], each["gridPos"]["y"]) for each in made["panels"]}
    assert len(places) == len({each["id"] for each in made["panels"]}) == len(REPORTS)
    assert dashboard([REPORTS["active_users"]])["title"] == "Active users"
    json.dumps(made)
