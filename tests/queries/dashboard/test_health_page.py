"""The page Pipeline health."""

from __future__ import annotations

import pytest
from tests.house import EVERYTHING, ORG, House

from trailhouse.queries.dashboard import health_page


def test_freshness_for_everybody_books_for_operators(company: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The books are the whole installation's; with Kafka away the page says so and shows the rest."""
    monkeypatch.setattr(health_page, "PATIENCE_S", 0.2)
    with company.visitor() as client:
        page = client.get(f"pipeline?org={ORG}").text
    assert "stored through" in page
    assert "Unaccounted" not in page
    with company.visitor(EVERYTHING, ("*",)) as client:
        page = client.get(f"pipeline?org={ORG}").text
    assert "Unaccounted" in page
    assert "Kafka does not answer" in page
