"""The pages Statistics (Kroolo, K1 to K8, and beyond) and Security. Pure."""

from __future__ import annotations

from typing import Final

from trailhouse.queries.dashboard.page import NO_CHOICE, SPANS, Page, Panel, Section

STATISTICS: Final = Page(
    "statistics",
    "Statistics",
    "The organization's people in figures: who there is, who leads, who comes back.",
    (
        Section(
            "User activity",
            (
                Panel("people", "total_users", "Total users", width="third", periods=NO_CHOICE),
                Panel("leaders", "leaderboard", "Leaderboard", width="wide", periods=SPANS, by="span"),
                Panel("summary", "user_statistics", "User activity report", width="full"),
                Panel("logins", "last_logins", "Last login"),
                Panel("workspaces", "workspaces_by_user", "Workspaces access"),
            ),
        ),
        Section(
            "Growth and retention",
            (
                Panel(
                    "stickiness",
                    "stickiness",
                    "Daily, weekly and monthly active users",
                    last="3m",
                    width="full",
                ),
                Panel(
                    "lifecycle",
                    "lifecycle",
                    "New, returning, resurrected and dormant users",
                    last="3m",
                    width="full",
                ),
                Panel("cohorts", "retention_cohorts", last="3m"),
                Panel("seats", "seats_unused", "Unused seats", last="3m"),
            ),
        ),
    ),
)
SECURITY: Final = Page(
    "security",
    "Security",
    "What an administrator looks at first when something is odd.",
    (
        Section(
            "",
            (
                Panel(
                    "failed", "failed_logins", "Failed logins by actor", width="full", none="No failed login"
                ),
                Panel(
                    "failed_from",
                    "failed_logins",
                    "Failed logins by address",
                    width="full",
                    params={"by": "address"},
                    none="No failed login",
                ),
                Panel("first_seen", "first_seen_addresses", width="full", none="No new address"),
                Panel("deletions", "many_deletions", width="full", none="Nobody deleted much"),
                Panel("privileges", "privilege_changes", width="full", none="No privilege changed"),
                Panel("rotated", "api_key_use_after_rotation", width="full", none="No replaced key was used"),
                Panel(
                    "hours", "activity_outside_working_hours", width="full", none="Nobody worked at odd hours"
                ),
                Panel(
                    "machines",
                    "service_accounts_used_by_people",
                    width="full",
                    none="No service account was used by a person",
                ),
            ),
        ),
    ),
)
