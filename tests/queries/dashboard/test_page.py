"""The pages of panels."""

from __future__ import annotations

import pytest

from trailhouse.queries.dashboard.page import ACTIVITY, MEMBERS, Page, period_words
from trailhouse.queries.dashboard.pages import PAGES
from trailhouse.queries.periods import parse_last
from trailhouse.queries.reports import load


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_panels_are_named_once_and_periods_can_be_asked(page: Page) -> None:
    """A panel's key is a parameter of the page's address."""
    keys = [panel.key for panel in page.panels]
    assert len(set(keys)) == len(keys)
    assert not {"org", "timezone", "last", "area"} & set(keys)
    for panel in page.panels:
        periods = () if panel.by else tuple(panel.periods)
        for period in (*periods, *page.picker, *filter(None, (panel.last, page.last))):
            parse_last(period)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_what_panels_set_their_reports_take(page: Page) -> None:
    """Parameters of panels whose report there is."""
    reports = load()
    for panel in page.having(reports).panels:
        own = {each.name: each for each in reports[panel.report].parameters}
        for name, text in panel.params.items():
            own[name].parse(text)
        if panel.by:
            assert [own[panel.by].parse(each) for each in panel.periods] == list(panel.periods)


def test_a_page_shows_the_panels_whose_report_there_is() -> None:
    """Sections that would be empty are left out."""
    one = ACTIVITY.having({"active_users": load()["active_users"]})
    assert [panel.report for panel in one.panels] == ["active_users"]
    assert MEMBERS.having({}).sections == ()


def test_the_seeds_periods() -> None:
    """WD9, WD10: 3 and 6 months, each its own; WS8: 30 days for all."""
    own = {panel.report: panel.last for panel in ACTIVITY.panels}
    assert (own["active_users"], own["users_active_over_time"]) == ("3m", "6m")
    assert list(ACTIVITY.panels[0].periods) == ["30d", "3m", "6m", "12m", "all"]
    assert (list(MEMBERS.picker), MEMBERS.last) == (["7d", "30d", "90d"], "30d")


def test_words_of_periods() -> None:
    """As a picker shows them."""
    words = [period_words(each) for each in ("7d", "1w", "12m", "all", "odd")]
    assert words == ["Last 7 days", "Last week", "Last 12 months", "All time", "odd"]
