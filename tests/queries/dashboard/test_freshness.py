"""How fresh a page is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from trailhouse.queries.dashboard.freshness import freshness_of

NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age", "state", "text"),
    [(0, "good", "up to now"), (12, "good", "up to 12 s ago"), (300, "late", "up to 5 min ago"), (3_600, "old", "up to 1 h ago")],
    ids=["now", "seconds", "minutes", "hours"],
)  # fmt: skip
def test_states(age: int, state: str, text: str) -> None:
    """Green, amber, red (design rule 20)."""
    told = freshness_of(NOW - timedelta(seconds=age), NOW)
    assert (told.state, told.text) == (state, text)


def test_it_is_said_in_the_pages_zone() -> None:
    """In summer time too: that day the clocks went forward (design rules 11 and 12)."""
    told = freshness_of(NOW, NOW, "Europe/Berlin")
    assert (told.at, told.zone) == ("2026-03-29 14:00:00", "Europe/Berlin")
    assert freshness_of(NOW, NOW, "Asia/Tehran").at == "2026-03-29 15:30:00"


def test_nothing_is_no_time() -> None:
    """Of an empty store nothing is said."""
    assert freshness_of(None, NOW).state == ""
