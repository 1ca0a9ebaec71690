from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from trailhouse.producers.simulation.office import OFFICES, Office, to_ms


@pytest.mark.parametrize("office", OFFICES, ids=lambda office: office.zone)
def test_clocks_are_those_of_the_zone(office: Office) -> None:
    """From 2020 to 2030 noon is where the time zone database has it, on days when clocks change, too."""
    zone, day = ZoneInfo(office.zone), date(2020, 1, 1)
    while day.year < 2031:
        noon = datetime.combine(day, time(12), zone).astimezone(UTC)
        assert office.midnight_ms(day) + 12 * 3_600_000 == int(noon.timestamp()) * 1000, day
        day += timedelta(days=1)


def test_a_date_begins_where_it_does() -> None:
    """Milliseconds since 1970."""
    assert to_ms(date(1970, 1, 2)) == 86_400_000


def test_seasons() -> None:
    """Weekends and holidays are quiet, so is August in Europe; the end of a month is busy."""
    berlin, sydney = OFFICES[0], OFFICES[4]
    assert berlin.busyness(date(2026, 3, 18)) == 1.0
    assert berlin.busyness(date(2026, 3, 21)) < 0.1
    assert berlin.busyness(date(2026, 5, 1)) < 0.1
    assert berlin.busyness(date(2026, 8, 19)) < 0.7 < sydney.busyness(date(2026, 8, 19))
    assert sydney.busyness(date(2026, 1, 14)) < 0.8
    assert berlin.busyness(date(2026, 12, 29)) < 0.4
    assert [berlin.busyness(date(2026, 1, day)) > 1 for day in (28, 29, 30)] == [False, True, True]


def test_everybody_sits_somewhere() -> None:
    """Shares are of a hundred."""
    assert sum(office.share for office in OFFICES) == 100
