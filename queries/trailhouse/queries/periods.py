"""Periods of a report: asked for in local dates or instants, kept as the exact spans of time they cover."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from trailhouse.queries.errors import BadParameter
from trailhouse.queries.zones import DAY_MS, Span, spans

EARLIEST: Final = date(1970, 1, 1)
LATEST: Final = date(2105, 12, 31)
QUARTER_MS: Final = 900_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_LAST: Final = re.compile(r"([1-9][0-9]{0,4})([dwmy])")
_LAST_MAX: Final = {"d": 49_000, "w": 7_000, "m": 1_600, "y": 135}


class Cut(NamedTuple):
    """Less than a quarter-hour: milliseconds since 1970 UTC (`until` excluded), local date as days since 1970-01-01."""

    since: int
    until: int
    local_day: int


@dataclass(frozen=True, slots=True)
class Period:
    """What a report covers: `spans` in order, without overlap; `first` and `last` are its outermost local dates."""

    timezone: str
    first: date
    last: date
    spans: tuple[Span, ...]

    @property
    def since(self) -> datetime:
        """The first instant of the period, UTC."""
        return _moment(self.spans[0].since if self.spans else _number(self.first) * DAY_MS)

    @property
    def until(self) -> datetime:
        """The first instant after the period, UTC."""
        return _moment(self.spans[-1].until) if self.spans else self.since

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """The period as instants alone, (since ms, until ms): its spans with those that touch joined, so mostly one."""
        edges = [span.since for span in self.spans], [span.until for span in self.spans]
        starts = [since for since in edges[0] if since not in set(edges[1])]
        ends = [until for until in edges[1] if until not in set(edges[0])]
        return tuple(zip(starts, ends, strict=True))

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """What the period holds of quarter-hours that are not wholly one local day's and its own.

        Masks cannot say what happened there, events can. Empty unless a bound or an offset is no whole quarter-hour.
        """
        return tuple(cut for span in self.spans for cut in _cuts(span))

    def clip(self, first: date, last: date) -> Period:
        """The part of the period whose local dates lie between two, both included."""
        pieces = tuple(_clip(iter(self.spans), _number(first), _number(last)))
        return Period(self.timezone, max(first, self.first), min(last, self.last), pieces)

    def lead(self, first: date) -> Period:
        """The time from a local date up to the day before the period; none of it where that is before 1970."""
        if max(first, EARLIEST) >= self.first:
            return Period(self.timezone, self.first, self.first, ())
        return between(ZoneInfo(self.timezone), max(first, EARLIEST), self.first - timedelta(days=1))

    def before(self, *, is_whole_month: bool = False) -> Period:
        """The period before it, of as many local dates that existed; with `is_whole_month`, the calendar month before."""
        zone, last = ZoneInfo(self.timezone), max(self.first - timedelta(days=1), EARLIEST)
        count = _number(self.last) - _number(self.first) + 1
        count -= _skipped(zone, _number(self.first), _number(self.last))
        first = last.replace(day=1) if is_whole_month else _days_back(zone, last, max(count, 1))
        return between(zone, max(first, EARLIEST), last)

    def is_so_far(self, now: datetime) -> bool:
        """Whether the period is still running, so that its figures may grow."""
        return self.until > now


@dataclass(frozen=True, slots=True)
class Last:
    """The last `count` days (d), weeks (w), months (m) or years (y) up to today; None = since the first event."""

    count: int | None
    unit: str = "d"


def parse_last(text: str) -> Last:
    """Read `30d`, `12w`, `6m`, `1y` or `all`; raises `BadParameter`."""
    if text == "all":
        return Last(None)
    match = _LAST.fullmatch(text)
    if match is None or int(match[1]) > _LAST_MAX[match[2]]:
        raise BadParameter(
            "last", text, "a number of days, weeks, months or years such as 30d, 12w, 6m or 1y, or all"
        )
    return Last(int(match[1]), match[2])


def parse_bound(name: str, text: str, zone: ZoneInfo) -> date | datetime:
    """Read one bound: a date stays a date, a time without offset is a time in `zone`; raises `BadParameter`."""
    try:
        if _DATE.fullmatch(text):
            bound: date | datetime = date.fromisoformat(text)
        else:
            moment = datetime.fromisoformat(text)
            bound = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadParameter(
            name,
            text,
            "a date such as 2026-01-31 (the whole local day) or an instant such as 2026-01-31T12:00:00Z",
        ) from None
    if not EARLIEST <= (bound.date() if isinstance(bound, datetime) else bound) <= LATEST:
        raise BadParameter(name, text, f"a day from {EARLIEST} to {LATEST}")
    return bound


def between(zone: ZoneInfo, since: date | datetime, until: date | datetime) -> Period:
    """The period between two bounds: a date counts whole (`until` too), an instant `until` is excluded.

    Raises `BadParameter` when the bounds are the wrong way round.
    """
    first = None if isinstance(since, datetime) else _number(since)
    last = None if isinstance(until, datetime) else _number(until)
    # No offset is larger than a day, so two days around a local date hold all of it.
    low = _millis(since) if isinstance(since, datetime) else (_number(since) - 2) * DAY_MS
    high = _millis(until) if isinstance(until, datetime) else (_number(until) + 3) * DAY_MS
    pieces = tuple(_clip(spans(zone, low, high), first, last))
    is_reversed = first > last if first is not None and last is not None else not pieces
    if is_reversed:
        raise BadParameter("since", _show(since), f"before until, which is {_show(until)}")
    days = [piece.local_day(moment) for piece in pieces for moment in (piece.since, piece.until - 1)]
    return Period(
        timezone=zone.key,
        first=_day(min(days) if first is None else first),
        last=_day(max(days) if last is None else last),
        spans=pieces,
    )


def start_of(unit: str, day: date, week_start: int) -> date:
    """The first day of the week or month (`unit`) of a day; weeks begin on `week_start`, 1 = Monday to 7 = Sunday."""
    if unit == "month":
        return day.replace(day=1)
    return max(day - timedelta(days=(day.isoweekday() + 7 - week_start) % 7), EARLIEST)


def first_day(last: Last, end: date, zone: ZoneInfo, first_event: datetime | None) -> date:
    """The first local date of the last N units that end with `end`.

    `30d` is exactly 30 dates that existed in the zone and `1w` is `7d`; `1m` starts the day after the same day of the
    month before (or that month's last day) and `1y` is `12m`; `all` starts on the local date of `first_event`.
    """
    if last.count is None:
        return min(first_event.astimezone(zone).date(), end) if first_event is not None else end
    if last.unit in {"d", "w"}:
        return _days_back(zone, end, last.count * (7 if last.unit == "w" else 1))
    return _months_back(end, last.count * (12 if last.unit == "y" else 1)) + timedelta(days=1)


def _days_back(zone: ZoneInfo, end: date, count: int) -> date:
    first, missing = _number(end) - count + 1, 0
    while (found := _skipped(zone, first, _number(end))) != missing:
        missing = found
        first = _number(end) - count + 1 - missing
    return _day(first)


def _skipped(zone: ZoneInfo, first: int, last: int) -> int:
    """How many dates between two dates never existed in the zone."""
    pieces = _clip(spans(zone, (first - 2) * DAY_MS, (last + 3) * DAY_MS), first, last)
    return sum(
        max(0, after.local_day(after.since) - before.local_day(before.until - 1) - 1)
        for before, after in pairwise(pieces)
    )


def _months_back(day: date, count: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 - count, 12)
    if year < EARLIEST.year:
        return EARLIEST - timedelta(days=1)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _clip(pieces: Iterator[Span], first: int | None, last: int | None) -> Iterator[Span]:
    """The parts of the spans whose local date lies between `first` and `last`, both included."""
    for piece in pieces:
        since, until = piece.since, piece.until
        if first is not None:
            since = max(since, first * DAY_MS - piece.offset_s * 1000)
        if last is not None:
            until = min(until, (last + 1) * DAY_MS - piece.offset_s * 1000)
        if since < until:
            yield Span(since, until, piece.offset_s)


def _cuts(span: Span) -> Iterator[Cut]:
    # Where the offset is whole quarter-hours so are local midnights, and only the span's ends can be off.
    first, last = span.local_day(span.since), span.local_day(span.until - 1)
    midnights = (
        [day * DAY_MS - span.offset_s * 1000 for day in range(first + 1, last + 1)]
        if span.offset_s % 900
        else []
    )
    for since, until in pairwise([span.since, *midnights, span.until]):
        head = min(-(-since // QUARTER_MS) * QUARTER_MS, until)
        tail = max(until // QUARTER_MS * QUARTER_MS, head)
        yield from (Cut(a, b, span.local_day(a)) for a, b in ((since, head), (tail, until)) if a < b)


def _number(day: date) -> int:
    return day.toordinal() - EARLIEST.toordinal()


def _day(number: int) -> date:
    return date.fromordinal(number + EARLIEST.toordinal())


def _moment(millis: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=millis)


def _millis(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _show(bound: date | datetime) -> str:
    return bound.isoformat().replace("+00:00", "Z")
