"""Cohorts as a triangle."""

from __future__ import annotations

import re
from datetime import date

from trailhouse.queries.dashboard.cohort_plot import cohort_plot, is_cohorts
from trailhouse.queries.reports import load

COLUMNS = load()["retention_cohorts"].columns
ROWS = [
    (date(2026, 1, 5), 4, 0, 4, 100.0),
    (date(2026, 1, 5), 4, 1, 1, 25.0),
    (date(2026, 1, 12), 0, 0, 0, None),
    (date(2026, 1, 19), 2, 0, 2, 100.0),
]


def test_shades_are_shares() -> None:
    """A row for each cohort with somebody in it; what has not been yet is empty; the title has the people."""
    plot = cohort_plot(COLUMNS, ROWS, caption="Retention")
    assert re.findall(r'scope="row">([^<]+)', plot) == ["5 Jan 2026", "19 Jan 2026"]
    assert re.findall(r'class="number h(\d)" title="([^"]+)">([^<]+)', plot) == [
        ("9", "4 active", "100"),
        ("2", "1 active", "25"),
        ("9", "2 active", "100"),
    ]
    assert plot.count("<td></td>") == 1
    assert "style=" not in plot


def test_what_is_no_cohort() -> None:
    """Other reports have no triangle; none at all has no row."""
    assert is_cohorts(COLUMNS)
    assert not is_cohorts(load()["active_users"].columns)
    assert 'scope="row"' not in cohort_plot(COLUMNS, [], caption="x")
