"""`trailhouse reports` lists the questions there are."""

from __future__ import annotations

import json

import pytest
from tests.deploy.commands.test_report import call

from trailhouse.queries.reports import load


def test_reports_lists_what_there_is(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """Name, question and columns; as JSON the whole headers."""
    code, out, _ = call(capsysbinary, "reports")
    assert code == 0
    assert all(report.name in out and report.question in out for report in load().values())
    assert [
        each["name"] for each in json.loads(call(capsysbinary, "reports", "--format", "json")[1])
    ] == list(load())


def test_grafana_gets_a_dashboard_or_a_panel(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """Of the reports named, else of all; a name that is none is answered as everywhere."""
    made = json.loads(call(capsysbinary, "reports", "grafana", "active_users", "top_actions")[1])
    assert [each["title"] for each in made["panels"]] == [
        load()[name].title for name in ("active_users", "top_actions")
    ]
    assert len(json.loads(call(capsysbinary, "reports", "grafana")[1])["panels"]) == len(load())
    alone = json.loads(call(capsysbinary, "reports", "grafana", "active_users", "--panel")[1])
    assert (alone["type"], "gridPos" in alone) == ("stat", False)
    assert call(capsysbinary, "reports", "grafana", "--panel")[0] == 2
    assert "did you mean active_users?" in call(capsysbinary, "reports", "grafana", "active_user")[2]
