"""A period in few numbers: the pieces of UTC days its local days consist of, its dates, and when its months end.

What SQL would compute from spans with arrays of functions, planned anew in every view that asks, is bound instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Final, NamedTuple

from trailhouse.queries.zones import DAY_MS, Span

_QUARTER_MS: Final = 900_000
_EPOCH: Final = date(1970, 1, 1)


class Piece(NamedTuple):
    """The quarter-hours `first_slot` to `last_slot` (excluded) of each UTC day from `first` to `last` (both included).

    They lie in the local day that comes `shift` days after the UTC day. Days are numbers since 1970-01-01.
    """

    first: int
    last: int
    shift: int
    first_slot: int
    last_slot: int


class Stretch(NamedTuple):
    """The quarter-hours `first_slot` to `last_slot` (excluded) of each UTC day from `first` to `last` (both included)."""

    first: int
    last: int
    first_slot: int
    last_slot: int


class Dates(NamedTuple):
    """Local dates in a row, both included, as days since 1970-01-01."""

    first: int
    last: int


def pieces_of(spans: Iterable[Span]) -> list[Piece]:
    """The whole quarter-hours of spans, each in one piece; what else the spans hold are their cuts (`Period.cuts`)."""
    return [piece for span in spans for piece in _pieces(span)]


def stretches_of(spans: Iterable[Span]) -> list[Stretch]:
    """The same quarter-hours, whatever local day they lie in."""
    found: list[Stretch] = []
    for first, last, _, low, high in pieces_of(spans):
        before = found[-1] if found else None
        if before is not None and before[:2] == (first, last) and before.last_slot == low:
            found[-1] = before._replace(last_slot=high)
        elif before is not None and (first, low, high) == (before.last + 1, *before[2:]):
            found[-1] = before._replace(last=last)
        else:
            found.append(Stretch(first, last, low, high))
    return found


def dates_of(spans: Iterable[Span]) -> list[Dates]:
    """Every local date that spans touch, once, oldest first; a date the zone skipped is missing."""
    found: list[Dates] = []
    for first, last in sorted((span.local_day(span.since), span.local_day(span.until - 1)) for span in spans):
        if found and first <= found[-1].last + 1:
            found[-1] = found[-1]._replace(last=max(found[-1].last, last))
        else:
            found.append(Dates(first, last))
    return found


def months_of(spans: Iterable[Span]) -> dict[date, int]:
    """When the last part of each local month ends that spans touch: milliseconds by first day, oldest month first."""
    ends: dict[date, int] = {}
    for span in spans:
        day = span.local_day(span.since)
        while day <= span.local_day(span.until - 1):
            month = (_EPOCH + timedelta(days=day)).replace(day=1)
            following = (month.replace(day=28) + timedelta(days=4)).replace(day=1)
            day = following.toordinal() - _EPOCH.toordinal()
            end = min(span.until, day * DAY_MS - span.offset_s * 1000)
            ends[month] = max(ends.get(month, 0), end)
    return {month: ends[month] for month in sorted(ends)}


def _pieces(span: Span) -> Iterator[Piece]:
    first, last = span.since // DAY_MS, (span.until - 1) // DAY_MS
    # The first and the last UTC day may lie in the span in part; all between are alike.
    if first == last:
        yield from _alike(span, first, last)
        return
    whole = first + (span.since % DAY_MS != 0), last - (span.until % DAY_MS != 0)
    if whole[0] > first:
        yield from _alike(span, first, first)
    if whole[0] <= whole[1]:
        yield from _alike(span, *whole)
    if whole[1] < last:
        yield from _alike(span, last, last)


def _alike(span: Span, first: int, last: int) -> Iterator[Piece]:
    """The pieces of days of which the span holds the same part."""
    start = first * DAY_MS
    since, until = max(span.since - start, 0), min(span.until - last * DAY_MS, DAY_MS)
    for day in range(span.local_day(start + since), span.local_day(start + until - 1) + 1):
        midnight = day * DAY_MS - span.offset_s * 1000 - start
        low = -(-max(since, midnight) // _QUARTER_MS)
        high = min(until, midnight + DAY_MS) // _QUARTER_MS
        if low < high:
            yield Piece(first, last, day - first, low, high)
