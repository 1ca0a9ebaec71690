"""Addresses of the dashboard."""

from __future__ import annotations

import pytest

from trailhouse.queries.dashboard.address import ROOT, inside, lasting, link


def test_links_hold_the_state_and_nothing_empty() -> None:
    """What is None goes, what is new comes, and everything is escaped."""
    assert (
        link("activity", {"org": "a&b", "last": ""}, total="3m", page=None)
        == f"{ROOT}activity?org=a%26b&total=3m"
    )
    assert link("", {}) == ROOT
    assert lasting({"org": "acme", "search": "ann", "timezone": ""}) == {"org": "acme"}


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/",
        "//example.org/org/dashboard/",
        "/org/dashboard/../../admin",
        "/org/dashboard//example.org",
        "/org/dashboard/\\example.org",
        "/org/dashboard/?a=\r\nSet-Cookie: x=y",
        "/org/dashboardx",
        "javascript:alert(1)",
        "",
        None,
    ],
)
def test_nobody_is_sent_elsewhere(text: str | None) -> None:
    """After signing in people stay in the dashboard."""
    assert inside(text) == ROOT


def test_own_addresses_are_kept() -> None:
    """With their state."""
    for text in (ROOT, f"{ROOT}log?org=acme&since=2026-01-01&q=a%20b", f"{ROOT}activity?total=3m#total"):
        assert inside(text) == text
