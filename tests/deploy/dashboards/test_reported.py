"""The dashboards over ClickHouse: every report is on one, and every panel's SQL runs on the real engine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.databases import Databases
from tests.house import ORG, OTHER, House, house

from trailhouse.deploy.dashboards.reported import ROWS, organisation, row_of, security
from trailhouse.queries.reports import load

REPORTS = load()
FOLDER = Path(__file__).parents[3] / "deploy" / "grafana" / "dashboards"


@pytest.fixture(scope="module")
def company(databases: Databases) -> Iterator[House]:
    """A company of thirty people with thirty days of history."""
    with house(databases) as made:
        yield made


def committed(name: str) -> dict[str, Any]:
    board: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return board


def targets(name: str) -> Iterator[tuple[str, str]]:
    """(panel, SQL) of a committed dashboard."""
    for panel in committed(name)["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["rawSql"]


def resolved(sql: str, since: datetime, until: datetime, orgs: list[str]) -> str:
    """The statement as Grafana and the plugin hand it on: global and dashboard variables replaced."""
    values = {
        "${__from}": str(int(since.timestamp() * 1000)),
        "${__to}": str(int(until.timestamp() * 1000)),
        "${org:singlequote}": ",".join(f"'{org}'" for org in orgs),
    }
    for name, value in values.items():
        sql = sql.replace(name, value)
    assert not re.search(r"\$\{|\$__", sql), sql
    return sql


def test_every_report_is_on_one_of_them() -> None:
    """By the requirements its header names; none is on both."""
    titles = [
        panel.title
        for board in (organisation(REPORTS.values()), security(REPORTS.values()))
        for panel in board.panels or []
        if panel.type_val != "row"
    ]
    assert sorted(str(each) for each in titles) == sorted(each.title for each in REPORTS.values())
    assert row_of(REPORTS["failed_logins"]) == ROWS["SP"]
    assert row_of(REPORTS["active_users"]) == ROWS["WD"]


@pytest.mark.parametrize("name", ["organisation", "security"])
def test_panels_do_not_cover_each_other(name: str) -> None:
    """Each square of the page belongs to one panel at most."""
    seen: set[tuple[int, int]] = set()
    for panel in committed(name)["panels"]:
        place = panel["gridPos"]
        squares = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not squares & seen, panel["title"]
        seen |= squares


@pytest.mark.parametrize("name", ["organisation", "security"])
def test_every_panels_query_runs(company: House, name: str) -> None:
    """Over a company's history, for the last 30 days; most have something to show."""
    until = datetime.now(UTC)
    empty = set()
    for title, sql in targets(name):
        found = company.database.query(resolved(sql, until - timedelta(days=30), until, [ORG, OTHER]))
        if not found.result_rows:
            empty.add(title)
    # What nobody does in this company has no rows; the rest must have some.
    assert len(empty) < len(list(targets(name))) * 3 / 4, empty


def test_the_organisation_is_a_variable_of_both(company: House) -> None:
    """Its values are the organisations there are; several can be chosen."""
    for name in ("organisation", "security"):
        (org,) = [each for each in committed(name)["templating"]["list"] if each["name"] == "org"]
        assert org["multi"] is True
        assert [row[0] for row in company.database.query(org["query"]).result_rows] == [ORG, OTHER]


def test_an_organisation_sees_its_own(company: House) -> None:
    """The variable decides: the other organisation has one user, this one thirty and some."""
    (sql,) = [text for title, text in targets("organisation") if title == "Active users"]
    until = datetime.now(UTC)

    def users(org: str) -> int:
        asked = resolved(sql, until - timedelta(days=30), until, [org])
        return int(company.database.query(asked).result_rows[0][0])

    assert users(OTHER) == 1
    assert users(ORG) > 20
