"""What a report counts from before its period: `lead` of its header.

Some numbers of a day, week or month depend on earlier ones: who is active again, who stayed away. `lead: 29d` binds
the last 29 local dates before the period as `before_spans`, `before_cuts` and `before_ranges`. `lead: NAME` is about
a parameter that chooses between `week` and `month`: then the period begins with the first day of one, and the one
before it is bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

from trailhouse.queries.errors import BadParameter
from trailhouse.queries.parameter import Parameter
from trailhouse.queries.periods import EARLIEST, Period, first_day, parse_last, start_of

UNITS: Final = frozenset({"week", "month"})


def fault_in(lead: str, parameters: Mapping[str, Parameter]) -> str:
    """What is wrong with `lead` of a header; '' = nothing."""
    if lead in parameters:
        has_units = bool(parameters[lead].choices) and UNITS.issuperset(parameters[lead].choices)
        return "" if has_units else f"lead: {lead} must choose between week and month"
    try:
        has_length = not lead or parse_last(lead).count is not None
    except BadParameter:
        has_length = False
    return "" if has_length else f"lead is {lead!r}; wanted such as 29d, or a parameter"


def lead_of(period: Period, lead: str, week_start: int) -> Period:
    """The time before the period: a week or month, or a length such as `29d`; empty where that is before 1970."""
    eve = period.first - timedelta(days=1)
    if lead in UNITS:
        return period.lead(start_of(lead, eve, week_start))
    # The day before may be one that the zone skipped; counted are those that existed.
    near = period.lead(eve - timedelta(days=3)).spans
    existing = [EARLIEST + timedelta(days=span.local_day(span.until - 1)) for span in near]
    return period.lead(
        first_day(parse_last(lead), max(existing, default=eve), ZoneInfo(period.timezone), None)
    )
