"""The page Usage: Port's five areas, one at a time (P1 to P27). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from trailhouse.queries.dashboard.page import MONTH_PERIODS, NO_CHOICE, Page, Panel, Section, Width


def _monthly(key: str, report: str, title: str, width: Width = "half") -> Panel:
    return Panel(key, report, title, last="6m", width=width, periods=MONTH_PERIODS)


def _now(
    key: str, report: str, title: str = "", width: Width = "half", params: Mapping[str, str] | None = None
) -> Panel:
    """What there is now: no period to choose."""
    return Panel(key, report, title, width=width, periods=NO_CHOICE, params=params or {})


USAGE: Final = Page(
    "usage",
    "Usage",
    "How the product is used, month by month.",
    (
        Section(
            "User activity",
            (
                _monthly("activated", "activated_users_by_month", "Total monthly activated users", "wide"),
                _now("activated_log", "activated_users", "Activated user log", "third"),
                _monthly("most_engaged", "most_engaged_teams", "Most engaged teams"),
                _monthly("least_engaged", "least_engaged_teams", "Least engaged teams"),
                _now("inactive", "inactive_users", "Inactive users: no login for 3 months or more"),
                _now("latest", "latest_logins", "Latest logins: the last 7 days"),
                Panel("pages_members", "popular_pages_of_members", "Popular pages used by members"),
                Panel("pages_admins", "popular_pages_of_admins", "Popular pages used by admins"),
            ),
            "users",
        ),
        Section(
            "Entities",
            (
                _monthly("entities", "entities_by_month", "Total monthly entities", "wide"),
                _now("blueprints", "entities_by_blueprint", "Entities by blueprint", "third"),
                _now(
                    "sources",
                    "entities_by_source_and_blueprint",
                    "Entities by data source and blueprint",
                    "full",
                ),
            ),
            "entities",
        ),
        Section(
            "Actions & automations",
            (
                _now(
                    "overview", "actions_via_api_and_automations", "Actions via API and automations", "third"
                ),
                Panel(
                    "top",
                    "top_actions",
                    "Top 6 most frequently used actions",
                    width="wide",
                    params={"limit": "6"},
                ),
                _monthly("automations", "automations_by_month", "Total monthly automations"),
                _monthly("runs", "actions_by_month", "Total monthly actions"),
                Panel("by_user", "actions_by_user", "Actions by user"),
                Panel("by_role", "actions_by_role", "Actions by role"),
                Panel("by_team", "actions_by_team", "Actions by team"),
            ),
            "actions",
        ),
        Section(
            "Data sources",
            (
                _monthly("data_sources", "data_sources_by_month", "Data sources", "full"),
                _now("data_source_log", "data_sources", "Data sources log", "full"),
            ),
            "sources",
        ),
        Section(
            "AI usage",
            (
                _monthly("ai", "ai_by_month", "Total monthly AI interactions"),
                _monthly("mcp", "mcp_calls_by_month", "Total monthly MCP calls"),
                Panel("ai_source", "ai_by_source", "AI invocation by source"),
                Panel("ai_agent", "ai_by_agent_type", "AI invocation by agent type"),
                Panel("ai_org", "ai_by_source_and_org", "AI invocations by source and organization"),
                Panel("ai_user", "ai_by_user_and_type", "AI invocations by user and type"),
            ),
            "ai",
        ),
    ),
    is_tabbed=True,
)
