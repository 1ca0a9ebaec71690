"""Events as CSV."""

from __future__ import annotations

import csv
import io

from trailhouse.queries.dashboard.event_file import csv_of


def test_cells_are_text_and_no_formula() -> None:
    """What is not known is empty; lists and maps are JSON; a spreadsheet runs nothing."""
    text = csv_of([{"a": "=1+1", "b": ["x", "y"], "c": 200}, {"a": 'q"uo,te'}], ["a", "b", "c"])
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["a", "b", "c"],
        ["'=1+1", '["x","y"]', "200"],
        ['q"uo,te', "", ""],
    ]
