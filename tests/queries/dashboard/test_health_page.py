"""The page Pipeline health."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.house import EVERYTHING, ORG, House

from trailhouse.queries.dashboard import health_page
from trailhouse.queries.dashboard.freshness import freshness_of


def test_freshness_for_everybody_books_for_operators(company: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The books are the whole installation's; with Kafka away the page says so and shows the rest."""
    monkeypatch.setattr(health_page, "PATIENCE_S", 0.2)
    with company.visitor() as client:
        page = client.get(f"pipeline?org={ORG}").text
        there = client.get(f"pipeline?org={ORG}&timezone=Asia/Tehran").text
    assert "stored through" in page
    assert "Unaccounted" not in page
    assert "Asia/Tehran</p>" in there
    with company.visitor(EVERYTHING, ("*",)) as client:
        page = client.get(f"pipeline?org={ORG}").text
    assert "Unaccounted" in page
    assert "Kafka does not answer" in page


@pytest.mark.parametrize(
    ("minutes", "state"), [(0, "good"), (4, "good"), (6, "warn"), (59, "warn"), (61, "bad")]
)
def test_what_is_not_fresh_is_not_green(minutes: int, state: str) -> None:
    now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    fresh = freshness_of(now - timedelta(minutes=minutes), now, "Asia/Tehran")
    card = health_page._freshness(fresh)
    assert card["state"] == state
    assert card["text"].endswith("Asia/Tehran")
    assert health_page._freshness(freshness_of(None, now))["value"] == "nothing yet"
