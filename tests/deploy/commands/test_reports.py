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
