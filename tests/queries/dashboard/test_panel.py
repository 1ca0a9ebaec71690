"""Panels: what they ask, and what they show of an answer."""

from __future__ import annotations

from datetime import date

from tests.queries.dashboard.answers import DAY, MONTH, NAME, USERS, answer, report_of

from trailhouse.queries.dashboard.page import Panel
from trailhouse.queries.dashboard.panel import View, asked_with, may_compare
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
    own = {"org": "acme", "total": "2026-03-01..2026-03-07"}
    assert asked_with(PANEL, report, own) == base | {"since": "2026-03-01", "until": "2026-03-07"}


def test_a_single_figure_has_both_values_and_both_periods() -> None:
    """Short on the card, exact beside it, and what it was before, when (design rules 2 and 6)."""
    now, before = answer("number", (USERS,), [(1234,)]), answer("number", (USERS,), [(1000,)])
    told = View(PANEL, now.report, {}, now, before).figure
    assert (told["short"], told["exact"], told["unit"]) == ("1.2k", "1,234", "users")
    assert told["change"].text == "+23\u202f%"
    assert told["before"].startswith("1,000 from ")
    assert [(value, round(share)) for value, _, share in told["both"]] == [("1,234", 100), ("1,000", 81)]
    assert "change" not in View(PANEL, now.report, {}, now).figure
    runs = Column("via_api", "integer", "runs", "runs")
    parts = answer("number", (USERS, runs), [(5, 1_200)])
    assert View(PANEL, parts.report, {}, parts).figure["parts"] == [("via api", "1,200")]


def test_what_is_of_now_is_compared_with_nothing() -> None:
    """A period changes it in no way: "no change" would be a claim about a time that nobody counted."""
    staff = Column("total_users", "integer", "users", "members", is_now=True)
    now, before = answer("table", (USERS, staff), [(9, 71)]), answer("table", (USERS, staff), [(6, 71)])
    active, total = View(PANEL, now.report, {}, now, before).figures
    assert (active["change"].text, total["exact"]) == ("+50\u202f%", "71")
    assert "change" not in total
    only = answer("number", (staff,), [(71,)])
    assert not may_compare(only.report, is_one_org=True)
    assert View(PANEL, only.report, {}, only).period == "as of now"
    assert may_compare(report_of("number", (USERS,)), is_one_org=True)


def test_less_of_what_is_bad_is_good() -> None:
    """On cards as in tables: fewer rejects are welcome (design rule 5)."""
    rejects = Column("rejected", "integer", "records", "rejects")
    for column, wanted in ((USERS, ["good", "bad", ""]), (rejects, ["bad", "good", ""])):
        before = answer("number", (column,), [(10,)])
        views = [answer("number", (column,), [(value,)]) for value in (11, 9, 10)]
        tones = [View(PANEL, each.report, {}, each, before).figure["change"].tone for each in views]
        assert tones == wanted


def test_the_days_are_those_that_count() -> None:
    """Of a week that was found from the period, not of the two months in which it is looked for."""
    days = [Column(name, "date", "local day", "") for name in ("first_day", "last_day")]
    board = answer("table", (NAME, *days), [("ann", date(2026, 3, 23), date(2026, 3, 26))])
    view = View(PANEL, board.report, {}, board)
    assert view.period.startswith("23 Mar 2026 \N{EN DASH} 26 Mar 2026")


def test_kinds() -> None:
    """The chart kind of the header, and whether there are dates."""
    kinds = [
        View(PANEL, report_of(chart, columns), {}).kind
        for chart, columns in (("number", (USERS,)), ("table", (DAY, USERS)), ("bar", (NAME, USERS)), ("bar", (DAY, USERS)), ("table", (USERS, USERS)))
    ]  # fmt: skip
    assert kinds == ["number", "table", "ranks", "chart", "figures"]


def test_a_log_without_figures_is_not_empty() -> None:
    """Rows are something to show; no row, and figures that count nothing, are not."""
    name = report_of("table", (NAME,))
    log = View(PANEL, name, {}, answer("table", (NAME,), [("ann",)], note="nothing"))
    assert not log.is_empty
    assert View(PANEL, name, {}, answer("table", (NAME,), [])).why_empty == "Nothing in this period"
    assert View(PANEL, name, {}, answer("table", (NAME, USERS), [("a", 0)], note="why")).is_empty


def test_a_failure_is_shown_in_its_place() -> None:
    """Without figures, and without falling over."""
    view = View(PANEL, report_of("line", (DAY, USERS)), {}, error=StorageUnavailable("away", "try again"))
    assert (view.plot, view.figure, view.period, view.drawing, view.is_empty) == ("", {}, "", None, False)


def test_periods_say_that_they_go_on() -> None:
    """The zone is the page's, named once (design rules 7 and 11)."""
    view = View(PANEL, report_of("line", (DAY, USERS)), {}, answer("line", (DAY, USERS), [], last="7d"))
    assert view.period == "5 Mar 2026 \u2013 11 Mar 2026 · so far"


def test_months_have_a_headline() -> None:
    """The newest month, which goes on, and how the last whole one differs from the one before it (P4, P11)."""
    rows = [(date(2026, 1, 1), 40), (date(2026, 2, 1), 50), (date(2026, 3, 1), 12)]
    result = answer("bar", (MONTH, USERS), rows, last="3m", bucket="month")
    told = View(PANEL, result.report, {}, result).headline
    assert (told["exact"], told["when"], told["so_far"]) == ("12", "Mar 2026", "so far")
    assert (told["change"].text, told["of"]) == (
        "+25\u202f%",
        "Feb 2026 (50) against Jan 2026 (40)",
    )
    days = answer("line", (DAY, USERS), [(date(2026, 3, 10), 3)])
    assert View(PANEL, days.report, {}, days).headline == {}


def test_never_any_data_is_not_nothing_in_the_period() -> None:
    """The one is told how to begin, the other to look at another time (design rule 22)."""
    report = report_of("number", (USERS,))
    never = answer("number", (USERS,), [(0,)], note="no event of organisation 'acme' is stored")
    quiet = answer("number", (USERS,), [(0,)], note="nothing in this period; the first was at 2026-01-01")
    assert [View(PANEL, report, {}, each).is_new for each in (never, quiet)] == [True, False]
