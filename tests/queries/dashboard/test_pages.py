"""The navigation's pages."""

from __future__ import annotations

from trailhouse.queries.dashboard.pages import PAGES


def test_each_page_has_a_name_of_its_own() -> None:
    """Which no page of another making has."""
    names = [page.name for page in PAGES]
    assert len(set(names)) == len(names)
    assert not {"", "log", "pipeline", "settings", "sign-in", "export", "sql", "static"} & set(names)
