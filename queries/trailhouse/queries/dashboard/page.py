"""The pages that are made of reports: which panels each has, in literal tuples. Pure.

A page names reports that may not be there; it shows the panels whose report is. Users, audit log, pipeline and settings
are pages of their own making.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType
from typing import Final, Literal

from trailhouse.queries.dashboard import figure
from trailhouse.queries.report import Report

Width = Literal["third", "half", "wide", "full"]
#: Choices of a picker: what `last` is asked with, and in words.
PLOT_PERIODS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "30d": "Last 30 days",
        "3m": "Last 3 months",
        "6m": "Last 6 months",
        "12m": "Last 12 months",
        "all": "All time",
    }
)
MEMBER_PERIODS: Final[Mapping[str, str]] = MappingProxyType(
    {"7d": "Last 7 days", "30d": "Last 30 days", "90d": "Last 90 days"}
)
_UNITS: Final = {"d": "day", "w": "week", "m": "month", "y": "year"}
MONTH_PERIODS: Final[Mapping[str, str]] = MappingProxyType(
    {"3m": "Last 3 months", "6m": "Last 6 months", "12m": "Last 12 months", "all": "All time"}
)

SPANS: Final[Mapping[str, str]] = MappingProxyType(
    {"week": "Weekly", "month": "Monthly", "last_month": "Last month", "seven_days": "Last 7 days"}
)
NO_CHOICE: Final[Mapping[str, str]] = MappingProxyType({})


def period_words(period: str) -> str:
    """`Last 7 days` for `7d`, both dates for `2026-03-01..2026-03-07`; what is neither stays as it is."""
    since, between, until = period.partition("..")
    if between:
        try:
            return (
                f"{figure.day(date.fromisoformat(since))} \N{EN DASH} {figure.day(date.fromisoformat(until))}"
            )
        except ValueError:
            return period
    count, unit = period[:-1], _UNITS.get(period[-1:])
    if unit is None or not count.isdecimal():
        return "All time" if period == "all" else period
    return f"Last {unit}" if count == "1" else f"Last {count} {unit}s"


@dataclass(frozen=True, slots=True)
class Panel:
    """One report on a page. `key` is its name in the page's URL; what is '' is as the report's header says.

    With `by` the panel's choices are values of that parameter of the report instead of periods; none = no choice. `none` is
    what is said where there is no row, for a panel of which that is good news.
    """

    key: str
    report: str
    title: str = ""
    last: str = ""
    width: Width = "half"
    periods: Mapping[str, str] = field(default_factory=lambda: PLOT_PERIODS)
    params: Mapping[str, str] = field(default_factory=dict)
    semantics: str = ""
    by: str = ""
    none: str = ""

    def period(self, report: Report) -> str:
        """The period when none is asked for."""
        return self.last or report.last


@dataclass(frozen=True, slots=True)
class Section:
    """Panels that belong together; `key` names it in the address of a page that shows one section at a time."""

    title: str
    panels: tuple[Panel, ...]
    key: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of panels. With a `picker` one period drives all of them, `last` at first, and panels have none."""

    name: str
    title: str
    lead: str
    sections: tuple[Section, ...]
    picker: Mapping[str, str] = field(default_factory=dict)
    last: str = ""
    is_tabbed: bool = False

    @property
    def panels(self) -> tuple[Panel, ...]:
        return tuple(panel for section in self.sections for panel in section.panels)

    def having(self, reports: Mapping[str, Report]) -> Page:
        """The page with those panels alone whose report there is."""
        sections = tuple(
            replace(section, panels=kept)
            for section in self.sections
            if (kept := tuple(panel for panel in section.panels if panel.report in reports))
        )
        return replace(self, sections=sections)


ACTIVITY: Final = Page(
    "activity",
    "Activity",
    "How many people are active, and when. Every plot has a period of its own.",
    (
        Section(
            "",
            (
                Panel("total", "active_users", "Total active users", last="3m", width="third"),
                Panel("over_time", "users_active_over_time", last="6m", width="wide"),
                Panel("weekly", "weekly_active_users", last="3m"),
                Panel("actions", "events_by_action", last="30d"),
            ),
        ),
    ),
)
MEMBERS: Final = Page(
    "members",
    "Members",
    "How active the members of the organization are. One period drives every panel.",
    (
        Section(
            "",
            (
                Panel("count", "active_users", "Active user count", width="third", semantics="wandb-saas"),
                Panel("weekly", "weekly_active_users", width="wide", semantics="wandb-saas"),
                Panel(
                    "leaders", "most_active_users", "Most active users", width="full", semantics="wandb-saas"
                ),
            ),
        ),
    ),
    picker=MEMBER_PERIODS,
    last="30d",
)
