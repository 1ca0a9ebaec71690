"""Panels: what they ask, and what they show of an answer."""

from __future__ import annotations

from datetime import timedelta

from tests.queries.dashboard.answers import DAY, NAME, NOW, USERS, answer, report_of

from trailhouse.queries.dashboard.page import Panel
from trailhouse.queries.dashboard.panel import ROWS_MAX, View, asked_with, table_of
from trailhouse.queries.errors import StorageUnavailable
from trailhouse.queries.header import Column

PANEL = Panel("total", "users_active_over_time", "Total", last="3m", params={"actors": "all"})


def test_what_a_panel_asks() -> None:
    """Its own period of the page's address, else the page's, else its default; its own parameters always."""
    report = report_of("number", (USERS,))
    base = {"actors": "all", "org": "acme"}
    assert asked_with(PANEL, report, {"org": "acme"}) == base | {"last": "3m"}
    assert asked_with(PANEL, report, {"org": "acme", "total": "all"}) == base | {"last": "all"}
    assert asked_with(PANEL, report, {"org": "acme", "last": "7d", "timezone": "UTC"}) == base | {
        "last": "7d",
        "timezone": "UTC",
    }


def test_a_single_figure_has_both_values_and_both_periods() -> None:
    """Short on the card, exact beside it, and what it was before, when (design rules 2 and 6)."""
    now, before = answer("number", (USERS,), [(1234,)]), answer("number", (USERS,), [(1000,)])
    told = View(PANEL, now.report, {}, now, before).figure
    assert (told["short"], told["exact"], told["unit"]) == ("1.2k", "1,234", "users")
    assert told["change"].text == "+23\u202f%"
    assert told["before"].startswith("1,000 from ")
    assert "change" not in View(PANEL, now.report, {}, now).figure
    runs = Column("via_api", "integer", "runs", "runs")
    parts = answer("number", (USERS, runs), [(5, 1_200)])
    assert View(PANEL, parts.report, {}, parts).figure["parts"] == [("via api", "1,200")]


def test_kinds() -> None:
    """The chart kind of the header, and whether there are dates."""
    kinds = [
        View(PANEL, report_of(chart, columns), {}).kind
        for chart, columns in (("number", (USERS,)), ("table", (DAY, USERS)), ("bar", (NAME, USERS)), ("bar", (DAY, USERS)))
    ]  # fmt: skip
    assert kinds == ["number", "table", "ranks", "chart"]


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


def test_a_log_without_figures_is_not_empty() -> None:
    """Rows are something to show; no row, and figures that count nothing, are not."""
    name = report_of("table", (NAME,))
    log = View(PANEL, name, {}, answer("table", (NAME,), [("ann",)], note="nothing"))
    assert not log.is_empty
    assert View(PANEL, name, {}, answer("table", (NAME,), [])).why_empty == "nothing in this period"
    assert View(PANEL, name, {}, answer("table", (NAME, USERS), [("a", 0)], note="why")).is_empty


def test_a_failure_is_shown_in_its_place() -> None:
    """Without figures, and without falling over."""
    view = View(PANEL, report_of("line", (DAY, USERS)), {}, error=StorageUnavailable("away", "try again"))
    assert (view.plot, view.figure, view.period, view.drawing, view.is_empty) == ("", {}, "", None, False)


def test_periods_are_said_with_their_zone() -> None:
    """And that they go on (design rules 7 and 11)."""
    view = View(PANEL, report_of("line", (DAY, USERS)), {}, answer("line", (DAY, USERS), [], last="7d"))
    assert view.period == "5 Mar 2026 \u2013 11 Mar 2026 · so far · UTC"
