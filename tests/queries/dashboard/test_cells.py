"""Rows as cells of a table."""

from __future__ import annotations

from datetime import timedelta

from tests.queries.dashboard.answers import DAY, NOW, USERS, answer

from trailhouse.queries.dashboard.cells import ROWS_MAX, cell_of, spark_of, table_of
from trailhouse.queries.header import Column


def test_tables_hold_what_a_page_shows() -> None:
    """And say how much is in the file alone."""
    change = Column("change", "integer", "users", "difference")
    rows = [(NOW.date() - timedelta(days=number), number, -number) for number in range(ROWS_MAX + 7)]
    table = table_of(answer("table", (DAY, USERS, change), rows), whole=True)
    assert (len(table.rows), table.left_out) == (ROWS_MAX, 7)
    assert [cell.text for cell in table.rows[1]] == ["10 Mar 2026", "1", "\u22121"]
    assert [(cell.is_number, cell.direction) for cell in table.rows[1]] == [
        (False, ""),
        (True, ""),
        (True, "down"),
    ]
    assert [head[0] for head in table.heads] == ["day", "active users", "change"]


def test_fewer_may_be_better() -> None:
    """Each metric has its good direction (design rule 5)."""
    rejected = Column("rejected_change", "integer", "records", "difference")
    users = Column("users_change", "integer", "users", "difference")
    assert (cell_of(users, 3).direction, cell_of(rejected, 3).direction) == ("up", "down")
    assert cell_of(rejected, 3).text == "+3"


def test_a_table_over_dates_has_a_line() -> None:
    """Of its first figure; one with a date twice has none."""
    today = NOW.date()
    rows = [(today - timedelta(days=1), 4), (today, 5)]
    assert "polyline" in spark_of(answer("table", (DAY, USERS), rows))
    assert spark_of(answer("table", (DAY, USERS), [rows[0], rows[0]])) == ""
