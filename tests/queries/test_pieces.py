"""Pieces, stretches, dates and months say what spans hold, in any zone; views that take them say what others say of spans."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo, available_timezones

import pytest
from tests.queries.conftest import World

from trailhouse.queries.periods import between
from trailhouse.queries.pieces import Dates, Piece, Stretch, dates_of, months_of, pieces_of, stretches_of
from trailhouse.queries.question import bound_period
from trailhouse.queries.report import BOUND, uncut
from trailhouse.queries.zones import DAY_MS, Span, spans

QUARTER_MS = 900_000
# Dates that were skipped, that came back for an hour, offsets that are no whole quarter-hour.
ODD = ("Pacific/Apia", "America/St_Johns", "Africa/Monrovia", "Asia/Kathmandu", "Europe/Berlin", "UTC")


def slow_slots(span: Span) -> set[tuple[int, int, int]]:
    """(UTC day, local day, slot) of each quarter-hour that lies in the span and in one local day, one by one."""
    found = set()
    for start in range(-(-span.since // QUARTER_MS) * QUARTER_MS, span.until - QUARTER_MS + 1, QUARTER_MS):
        day = span.local_day(start)
        if span.local_day(start + QUARTER_MS - 1) == day:
            found.add((start // DAY_MS, day, start % DAY_MS // QUARTER_MS))
    return found


def slow_months(pieces: list[Span]) -> dict[date, int]:
    ends: dict[date, int] = {}
    for span in pieces:
        for day in range(span.local_day(span.since), span.local_day(span.until - 1) + 1):
            month = (date(1970, 1, 1) + timedelta(days=day)).replace(day=1)
            ends[month] = max(ends.get(month, 0), min(span.until, (day + 1) * DAY_MS - span.offset_s * 1000))
    return ends


@pytest.mark.parametrize("number", range(30))
def test_they_are_what_each_quarter_hour_and_each_day_says(number: int) -> None:
    """Zones and periods by chance, from minutes to a year, cut anywhere."""
    random = Random(number)
    zone = ZoneInfo(ODD[number % 6] if number < 18 else random.choice(sorted(available_timezones())))
    since = random.randrange(45 * 365 * DAY_MS)
    until = since + random.randrange(1, random.choice([DAY_MS // 50, 3 * DAY_MS, 370 * DAY_MS]))
    held = list(spans(zone, since, until))
    slots = [slot for span in held for slot in slow_slots(span)]
    pieces = [
        (day, day + piece.shift, slot)
        for piece in pieces_of(held)
        for day in range(piece.first, piece.last + 1)
        for slot in range(piece.first_slot, piece.last_slot)
    ]
    stretches = [
        (day, slot)
        for stretch in stretches_of(held)
        for day in range(stretch.first, stretch.last + 1)
        for slot in range(stretch.first_slot, stretch.last_slot)
    ]
    days = {
        day for span in held for day in range(span.local_day(span.since), span.local_day(span.until - 1) + 1)
    }
    assert sorted(pieces) == sorted(slots)
    assert sorted(stretches) == sorted((day, slot) for day, _, slot in slots)
    assert [day for run in dates_of(held) for day in range(run.first, run.last + 1)] == sorted(days)
    assert list(months_of(held).items()) == sorted(slow_months(held).items())


def test_they_are_in_order_and_few() -> None:
    """Their ends bound what is read; alike days are one row, however long the period."""
    held = [Span(20_000 * DAY_MS, 22_000 * DAY_MS, 0)]
    assert pieces_of(held) == [Piece(20_000, 21_999, 0, 0, 96)]
    assert stretches_of(held) == [Stretch(20_000, 21_999, 0, 96)]
    assert dates_of(held) == [Dates(20_000, 21_999)]
    east = [Span(20_000 * DAY_MS - 7_200_000, 20_010 * DAY_MS - 7_200_000, 7200)]
    assert pieces_of(east) == [
        Piece(19_999, 19_999, 1, 88, 96),
        Piece(20_000, 20_008, 0, 0, 88),
        Piece(20_000, 20_008, 1, 88, 96),
        Piece(20_009, 20_009, 0, 0, 88),
    ]
    assert stretches_of(east) == [
        Stretch(19_999, 19_999, 88, 96),
        Stretch(20_000, 20_008, 0, 96),
        Stretch(20_009, 20_009, 0, 88),
    ]
    assert (pieces_of([]), stretches_of([]), dates_of([]), months_of([])) == ([], [], [], {})


VIEWS = {
    "activity_in": ("org_id, local_day, actor_type, user_ref", "active_days_in", "pieces"),
    "logins_in": ("org_id, local_day, actor_type, user_ref", "login_days_in", "pieces"),
    "action_counts_in": ("org_id, local_day, action, events", "day_counts_in", "pieces"),
    "page_counts_in": ("org_id, actor_type, actor_role, page, events", "page_views_in", "stretches"),
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(
    ("timezone", "since", "until", "is_cut"),
    [
        (
            "Asia/Kathmandu",
            datetime(2025, 1, 3, 10, 7, tzinfo=UTC),
            datetime(2025, 4, 2, 18, 31, tzinfo=UTC),
            True,
        ),
        ("Europe/Berlin", date(2025, 2, 1), date(2025, 5, 31), False),
    ],
    ids=["cut", "uncut"],
)
def test_views_of_pieces_say_what_views_of_spans_say(
    world: World, view: str, timezone: str, since: date, until: date, *, is_cut: bool
) -> None:
    """Row by row; where nothing is cut, so does the view that does not look."""
    period = between(ZoneInfo(timezone), since, until)
    assert bool(period.cuts) == is_cut
    columns, name, days = VIEWS[view]

    def rows(of: str, *names: str) -> list[tuple[object, ...]]:
        given = ", ".join(f"{each} = {{{each}:{BOUND[each]}}}" for each in ("orgs", *names, "cuts"))
        bound = {"orgs": ["acme", "beta"], **bound_period("", period)}
        found = world.client.query(f"SELECT {columns} FROM {of}({given})", parameters=bound).result_rows
        return sorted(tuple(row) for row in found)

    expected = rows(view, "spans")
    assert expected
    assert rows(name, days) == expected
    if not is_cut:
        assert rows(uncut(f"{name}(")[:-1], days) == expected
