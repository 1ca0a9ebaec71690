"""Port's five areas."""

from __future__ import annotations

import re

from trailhouse.queries.dashboard.usage_page import USAGE
from trailhouse.queries.reports import load


def test_five_areas_and_every_report_of_ports() -> None:
    """P1, and no report of the list is left out."""
    assert [each.title for each in USAGE.sections] == [
        "User activity",
        "Entities",
        "Actions & automations",
        "Data sources",
        "AI usage",
    ]
    ports = {
        name for name, report in load().items() if any(re.fullmatch(r"P\d+", each) for each in report.source)
    }
    assert ports - {"events_by_action"} <= {panel.report for panel in USAGE.panels}
