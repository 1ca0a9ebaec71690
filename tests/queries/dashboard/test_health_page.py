"""The page Pipeline health."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.house import EVERYTHING, ORG, House

from trailhouse.queries.dashboard import health_page
from trailhouse.queries.dashboard.freshness import freshness_of
from trailhouse.queries.metrics import ApiMetrics
from trailhouse.sinks.balance import Balance

CLOSED = Balance(stored=10, rejected=0, repeats=0, unaccounted=0, in_flight=0, not_in_events=0, partitions=())


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


def test_the_books_are_shown_as_they_were_closed() -> None:
    """Every figure of the cards is one the API publishes; before the first closing there is none."""
    metrics = ApiMetrics()
    (unknown,) = health_page._books(metrics)
    assert unknown["state"] == ""
    metrics.show_balance(replace(CLOSED, unaccounted=2, conflicts=3), 1_775_000_000.0)
    unaccounted, conflicts = health_page._books(metrics)
    assert (unaccounted["value"], unaccounted["state"]) == ("2", "bad")
    assert (conflicts["value"], conflicts["state"]) == ("3", "warn")
    metrics.show_balance(CLOSED, 1_775_000_030.0)
    assert [each["state"] for each in health_page._books(metrics)] == ["good", "good"]


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
