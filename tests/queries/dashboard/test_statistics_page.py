"""Kroolo's statistics."""

from __future__ import annotations

from trailhouse.queries.dashboard.statistics_page import SECURITY, STATISTICS


def test_the_leaderboard_is_weekly_monthly_or_last_months() -> None:
    """K8, in these words."""
    board = next(panel for panel in STATISTICS.panels if panel.report == "leaderboard")
    assert (board.by, list(board.periods.values())[:3]) == ("span", ["Weekly", "Monthly", "Last month"])


def test_security_asks_by_actor_and_by_address() -> None:
    """Two panels of one report."""
    found = [panel.params.get("by", "actor") for panel in SECURITY.panels if panel.report == "failed_logins"]
    assert found == ["actor", "address"]
