"""What the script is told of a chart."""

from __future__ import annotations

import json

from trailhouse.queries.dashboard.series import Drawing, Series, across


def test_the_script_reads_exact_figures_and_what_is_so_far() -> None:
    """Labels and figures as people read them; gaps stay gaps."""
    drawing = Drawing(("Mon", "Tue"), (Series("users", (1234, None)),), unit="users", states=("", "so far"))
    assert json.loads(drawing.to_json()) == {
        "labels": ["Mon", "Tue (so far)"],
        "unit": "users",
        "series": [{"name": "users", "values": ["1,234", None]}],
    }
    assert drawing.values == [1234]


def test_points_reach_from_edge_to_edge() -> None:
    """One alone stands in the middle."""
    assert list(across(3)) == [0, 50, 100]
    assert list(across(1)) == [50]
