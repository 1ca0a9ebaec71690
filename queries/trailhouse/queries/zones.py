"""Time zones as spans: pieces of time in which a zone keeps one offset from UTC.

Inside a span the local date is plain arithmetic, so SQL needs no time zone of its own, and what makes local days
irregular needs no special case: days of 23 and 25 hours, dates a zone skipped (Pacific/Apia, 2011-12-30), a date
that comes back for an hour (America/St_Johns until 2010 set its clock back at 00:01), offsets that are no whole
quarter-hour (Africa/Monrovia until 1972). ClickHouse's own time zones get the last two wrong by minutes.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from trailhouse.queries.errors import BadParameter

DAY_MS: Final = 86_400_000
# What `DateTime` and the quarter-hours of `action_slots` can hold; events lie inside (the contract wants 1970 or later).
EARLIEST_MS: Final = 0
LATEST_MS: Final = 49_711 * DAY_MS

# Those whose abbreviations (CEST, PDT …) people write; the first one stands for whatever resembles no zone.
COMMON: Final = (
    "Europe/Berlin",
    "Europe/London",
    "Europe/Athens",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "Asia/Kolkata",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Australia/Sydney",
)


class Span(NamedTuple):
    """Milliseconds since 1970 UTC (`until` excluded), and seconds east of UTC."""

    since: int
    until: int
    offset_s: int

    def local_day(self, moment_ms: int) -> int:
        """Days since 1970-01-01 of the local date at an instant of this span."""
        return (moment_ms + self.offset_s * 1000) // DAY_MS


def find_zone(name: str) -> ZoneInfo:
    """The time zone of that IANA name; raises `BadParameter` with one that may be meant."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadParameter("timezone", name, f"an IANA time zone such as {_suggestion(name)}") from None


@cache
def zone_names() -> tuple[str, ...]:
    """Every zone there is, by name; looking for them reads hundreds of files, so it is done once."""
    return tuple(sorted(available_timezones()))


def _suggestion(name: str) -> str:
    """A zone by place: the one whose city or abbreviation that is, else one spelled nearly so."""
    # Old names such as EST or Etc/GMT-1 are zones too, but hardly ever what is meant.
    places = [each for each in zone_names() if "/" in each and not each.startswith("Etc/")]
    city = name.casefold().replace(" ", "_").rpartition("/")[2]
    for each in places:
        if city == each.casefold().rpartition("/")[2]:
            return each
    for each in COMMON:
        zone = ZoneInfo(each)
        if name.upper() in {datetime(2026, month, 1, tzinfo=zone).tzname() for month in (1, 7)}:
            return each
    return next(iter(difflib.get_close_matches(name, places, n=1)), COMMON[0])


def spans(zone: ZoneInfo, since_ms: int, until_ms: int) -> Iterator[Span]:
    """The zone's spans between two instants, in order and without a hole; nothing outside 1970 to 2105."""
    since_ms, until_ms = max(since_ms, EARLIEST_MS), min(until_ms, LATEST_MS)
    if since_ms >= until_ms:
        return
    first, last = _moment(since_ms).year, _moment(until_ms - 1).year
    changes = [change for year in range(first, last + 1) for change in _changes(zone.key, year)]
    ends = [change[0] for change in changes[1:]] + [until_ms]
    current: Span | None = None
    for (start, offset_s), end in zip(changes, ends, strict=True):
        piece = Span(max(start, since_ms), min(end, until_ms), offset_s)
        if piece.since >= piece.until:
            continue
        if current is None:
            current = piece
        elif current.offset_s == offset_s:
            current = current._replace(until=piece.until)
        else:
            yield current
            current = piece
    if current is not None:
        yield current


@lru_cache(maxsize=4096)
def _changes(key: str, year: int) -> tuple[tuple[int, int], ...]:
    """Offsets of a UTC year: (instant in ms from which it holds, seconds east of UTC), the first at New Year.

    The zone is asked once a day and a difference is searched to the second; since 1970 no zone changed twice in six days.
    """
    zone = ZoneInfo(key)
    moment, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    offset = _offset_s(zone, moment)
    found = [(_millis(moment), offset)]
    while moment < end:
        following = min(moment + timedelta(days=1), end)
        if (offset_after := _offset_s(zone, following - timedelta(seconds=1))) != offset:
            before, after = moment, following - timedelta(seconds=1)
            while after - before > timedelta(seconds=1):
                middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
                before, after = (middle, after) if _offset_s(zone, middle) == offset else (before, middle)
            offset = offset_after
            found.append((_millis(after), offset))
        moment = following
        if moment < end and (at_start := _offset_s(zone, moment)) != offset:
            offset = at_start
            found.append((_millis(moment), offset))
    return tuple(found)


def _offset_s(zone: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(zone).utcoffset()
    return offset // timedelta(seconds=1) if offset is not None else 0


def _moment(millis: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=millis)


def _millis(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
