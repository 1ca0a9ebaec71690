"""All of time up to the end of a period, for questions that depend on history."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from trailhouse.queries.periods import Cut, Period
from trailhouse.queries.zones import DAY_MS, EARLIEST_MS, Span, spans

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def past(period: Period) -> tuple[tuple[Span, ...], tuple[Cut, ...]]:
    """The spans of the period's zone from 1970 to the period's end, and the cuts of them (`Period.cuts`).

    Where a clock that was set back showed an earlier date again, both passes are cuts too: outside of cuts, later never
    has an earlier date.
    """
    until_ms = (period.until - _EPOCH) // timedelta(milliseconds=1)
    pieces = tuple(spans(ZoneInfo(period.timezone), EARLIEST_MS, until_ms))
    cuts = [*dataclasses.replace(period, spans=pieces).cuts]
    for before, after in pairwise(pieces):
        first, last = after.local_day(after.since), before.local_day(before.until - 1)
        if last > first:
            cuts += _days(before._replace(since=(first + 1) * DAY_MS - before.offset_s * 1000))
            cuts += _days(after._replace(until=min(after.until, last * DAY_MS - after.offset_s * 1000)))
    return pieces, tuple(sorted(set(cuts)))


def _days(piece: Span) -> Iterator[Cut]:
    for day in range(piece.local_day(piece.since), piece.local_day(piece.until - 1) + 1):
        start = day * DAY_MS - piece.offset_s * 1000
        yield Cut(max(piece.since, start), min(piece.until, start + DAY_MS), day)
