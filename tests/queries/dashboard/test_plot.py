"""From an answer to what is drawn: the chart kind and the columns decide."""

from __future__ import annotations

from datetime import date, timedelta

from tests.queries.dashboard.answers import DAY, MONTH, NAME, NOW, USERS, WEEK, answer

from trailhouse.queries.dashboard.plot import drawing_of, drawn
from trailhouse.queries.header import Column

TODAY = NOW.date()
CHANGE = Column("change", "integer", "users", "difference from the month before")


def test_dates_with_figures_are_series() -> None:
    """Every figure of the first one's unit; differences stay in the table; today is so far."""
    runs = Column("runs", "integer", "runs", "runs")
    admins = Column("admins", "integer", "users", "admins")
    rows = [(TODAY - timedelta(days=1), 5, 9, 2, 1), (TODAY, 3, 9, 1, -2)]
    drawing = drawing_of(answer("line", (DAY, USERS, runs, admins, CHANGE), rows))
    assert [(each.name, each.values) for each in drawing.series] == [
        ("active users", (5, 3)),
        ("admins", (2, 1)),
    ]
    assert (drawing.labels, drawing.names) == (("10 Mar 2026", "11 Mar 2026"), ("10 Mar", "11 Mar"))
    assert (drawing.states, drawing.unit) == (("provisional", "so far"), "users")


def test_what_may_still_change_is_said_of_each_date() -> None:
    """Today is so far, yesterday provisional, what is older final; of weeks and months the one that runs (rule 9)."""
    rows = [(TODAY - timedelta(days=days), 1) for days in (3, 2, 1, 0)]
    assert drawing_of(answer("line", (DAY, USERS), rows, bucket="day")).states == (
        "",
        "",
        "provisional",
        "so far",
    )
    monday = TODAY - timedelta(days=TODAY.weekday())
    weeks = [(monday - timedelta(days=7), 1), (monday, 1)]
    assert drawing_of(answer("bar", (WEEK, USERS), weeks, bucket="week")).states == ("", "so far")
    months = [(date(2026, 2, 1), 1), (date(2026, 3, 1), 1)]
    assert drawing_of(answer("bar", (MONTH, USERS), months, bucket="month")).so_far == 1


def test_a_text_beside_the_date_makes_series() -> None:
    """The largest have their own, the others one together, and nothing is lost."""
    rows = [(TODAY, f"org-{number}", number) for number in range(1, 10)]
    drawing = drawing_of(answer("line", (DAY, NAME, USERS), rows))
    kept = {"org-9", "org-8", "org-7", "org-6", "org-5", "others"}
    assert {each.name for each in drawing.series} == kept
    assert sum(drawing.values) == sum(range(1, 10))


def test_each_kind_is_drawn_its_way() -> None:
    """Figures and tables have no chart; names have lying bars or a ring; nothing has nothing."""
    rows = [("page:view", 3), ("user:login", 1)]
    assert drawn(answer("number", (USERS,), [(3,)])) == ""
    assert drawn(answer("table", (NAME, USERS), rows)) == ""
    assert 'class="bars"' in drawn(answer("bar", (NAME, USERS), rows))
    assert 'class="pie"' in drawn(answer("pie", (NAME, USERS), rows))
    assert "polyline" in drawn(answer("line", (DAY, USERS), [(TODAY - timedelta(1), 1), (TODAY, 2)]))
    assert "<rect" in drawn(answer("bar", (DAY, USERS), [(TODAY, 2)]))
    assert drawn(answer("line", (DAY, USERS), [])) == ""
