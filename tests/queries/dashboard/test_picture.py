"""Charts as files."""

from __future__ import annotations

from datetime import timedelta
from xml.etree import ElementTree as ET

from tests.queries.dashboard.answers import DAY, NAME, NOW, USERS, answer

from trailhouse.queries.dashboard.picture import picture
from trailhouse.queries.header import Column

TODAY = NOW.date()
SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return [each.text or "" for each in ET.fromstring(svg).iter(f"{SVG}text")]


def test_a_picture_says_what_it_is_of() -> None:
    """Title, organisation, dates and zone are in it, and it needs nothing else (design rules 18 and 19)."""
    svg = picture(answer("line", (DAY, USERS), [(TODAY - timedelta(1), 3), (TODAY, 5)]), "Active <users>")
    assert texts(svg)[:2] == ["Active <users>", "acme · 2026-01-11 to 2026-03-11 · UTC · so far"]
    assert svg.count("<polyline") == 1
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")


def test_several_series_have_a_legend() -> None:
    """By name."""
    admins = Column("admins", "integer", "users", "admins")
    svg = picture(answer("line", (DAY, USERS, admins), [(TODAY - timedelta(1), 3, 1), (TODAY, 5, 2)]), "T")
    assert texts(svg)[-2:] == ["active users", "admins"]


def test_names_are_rows() -> None:
    """The longest first, as the page has them; a table has no picture."""
    rows = [("page:view", 2_000), ("<b>", 500)]
    svg = picture(answer("bar", (NAME, USERS), rows), "T")
    assert texts(svg)[2:] == ["page:view", "2,000 users", "<b>", "500 users"]
    assert picture(answer("table", (NAME, USERS), rows), "T") == ""
    assert picture(answer("bar", (NAME, USERS), []), "T") == ""
