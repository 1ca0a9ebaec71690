"""Definitions, read from the views' own text; that they give what the views gave is tested in `test_rebuild.py`."""

from __future__ import annotations

import pytest

from trailhouse.sinks.definition import Definition
from trailhouse.sinks.errors import RebuildRefused

PLAIN = Definition("t", "t_mv", "landing", "SELECT org_id, landing.day FROM db.landing WHERE reason = ''")
FEED = Definition("deeds", "deeds_mv", "landing", "SELECT org_id, pii FROM db.landing")
FED = Definition("directory", "directory_mv", "deeds", "SELECT org_id FROM db.deeds GROUP BY org_id", FEED)


def test_the_source_is_replaced_under_its_own_name() -> None:
    """Also inside a subquery and in quotes; tables whose name only begins like it stay."""
    assert PLAIN.over("SELECT 1") == "SELECT org_id, landing.day FROM (SELECT 1) AS landing WHERE reason = ''"
    inner = Definition(
        "t", "t_mv", "landing", "SELECT * FROM (SELECT a FROM `db`.`landing` JOIN x FROM landing_2)"
    )
    assert inner.over("…") == "SELECT * FROM (SELECT a FROM (…) AS landing JOIN x FROM landing_2)"


def test_events_are_asked_and_personal_data_only_where_they_are_needed() -> None:
    """A feed's query is asked in place of the table that stores nothing."""
    assert "FROM (SELECT *, '' AS reason FROM events FINAL WHERE x) AS landing" in PLAIN.over_events("x")
    assert not PLAIN.is_personal
    assert FED.is_personal
    text = FED.over_events("x")
    assert text.startswith("SELECT org_id FROM (SELECT org_id, pii FROM (")
    assert "event_pii FINAL WHERE x" in text
    assert text.endswith(") AS landing) AS deeds GROUP BY org_id")


def test_a_new_definition_reads_the_same_source() -> None:
    """Comments and the last semicolon go; whatever reads something else is refused."""
    new = PLAIN.changed("-- a comment\nSELECT org_id\nFROM landing;\n")
    assert new.query == "SELECT org_id\nFROM landing"
    assert new.over("…") == "SELECT org_id\nFROM (…) AS landing"
    with pytest.raises(RebuildRefused, match="does not read deeds") as caught:
        FED.changed("SELECT org_id FROM landing")
    assert "directory_mv" in caught.value.hint
