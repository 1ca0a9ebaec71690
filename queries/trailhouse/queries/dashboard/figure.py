"""Figures and moments as the dashboard writes them: short on cards, exact everywhere else. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final, Literal

from trailhouse.queries.header import Column
from trailhouse.queries.value import Value

Direction = Literal["up", "down", "same", "new"]
NOTHING: Final = "\N{EN DASH}"
PERCENT: Final = frozenset({"percent", "%"})
# Whose change is told in points: a change of a share in per cent would be read wrongly.
SHARES: Final = frozenset({*PERCENT, "share", "percent points", "points"})
_BETTER_LOW: Final = ("reject", "fail", "conflict", "dormant", "deactivated", "unaccounted")
_STEPS: Final = ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k"))
_SPANS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True, slots=True)
class Change:
    """How a figure differs from the one before; `text` has sign and words, and never says more than is known.

    `tone`: whether that is welcome.
    """

    direction: Direction
    text: str
    tone: Literal["good", "bad", ""] = ""


def short(value: float) -> str:
    """At most four characters and a letter: `999`, `1.2k`, `1M`; what rounds up to the next letter takes it."""
    size = abs(value)
    for step, letter in _STEPS:
        # 999 950 is shown as 1M, not as 1000k.
        if size >= step or (step > 1_000 and size >= step * 0.99995) or (step == 1_000 and size >= 999.5):
            return f"{_trimmed(value / step)}{letter}"
    return _trimmed(value)


def exact(value: float) -> str:
    """Every digit, with commas; what is no whole number with two places at most."""
    if isinstance(value, int) or value.is_integer():
        return f"{int(value):,}".replace("-", "\N{MINUS SIGN}")
    return f"{value:,.2f}".rstrip("0").rstrip(".").replace("-", "\N{MINUS SIGN}")


def shown(column: Column, value: Value) -> str:
    """A cell of a table: numbers with commas, per cent with their sign, times to the second, nothing as a dash."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, int | float):
        if is_change(column) and value > 0:
            return f"+{exact(value)}{_sign_of(column)}"
        return f"{exact(value)}{_sign_of(column)}"
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date):
        return day(value, unit=column.name)
    return value


def is_change(column: Column) -> bool:
    """Whether a figure tells a difference, so that its sign matters."""
    return column.name == "growth" or column.name.endswith(("change", "difference"))


def is_better_low(column: Column) -> bool:
    """Whether less of it is the good direction."""
    return any(word in column.name for word in _BETTER_LOW)


def day(value: date, *, unit: str = "day") -> str:
    """`21 Nov 2026`; `Nov 2026` where the unit is a month."""
    return value.strftime("%b %Y") if unit == "month" else f"{value.day} {value:%b %Y}"


def axis_days(values: Sequence[date], *, unit: str = "day") -> tuple[str, ...]:
    """The dates as an axis names them: the year only with the first of it."""
    names, year = [], None
    for value in values:
        if unit == "month":
            names.append(f"{value:%b}" if value.year == year else f"{value:%b %Y}")
        else:
            names.append(f"{value.day} {value:%b}")
        year = value.year
    return tuple(names)


def moment(value: datetime) -> str:
    """`2026-11-21 14:03:07`, in the zone the value has."""
    return f"{value:%Y-%m-%d %H:%M:%S}"


def precise(value: datetime) -> str:
    """`2026-11-21 14:03:07.123`, in the zone the value has."""
    return f"{moment(value)}.{value.microsecond // 1000:03d}"


def lasted(seconds: float) -> str:
    """`0.412 s`, `12.3 s`, `4.2 min`, `3.1 h`, `93.0 d`; without a sign."""
    size = abs(seconds)
    if size < 10:
        return f"{size:.3f} s"
    # What rounds up to sixty of a unit is one of the next.
    span, unit = next((each for each in _SPANS if size >= each[0] * 0.999), _SPANS[-1])
    return f"{size / span:.1f} {unit}"


def ago(value: datetime, now: datetime) -> str:
    """`12 s ago`, `3 min ago`, `5 h ago`, `12 d ago`; a clock that runs ahead says `now`."""
    seconds = int((now.astimezone(UTC) - value.astimezone(UTC)).total_seconds())
    for size, unit in _SPANS:
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return "now"


def change(now: float, before: float, unit: str = "", *, is_better_low: bool = False) -> Change:
    """The change from `before` to `now`: in per cent, of shares in points, and `new` where there was nothing before."""
    if now == before:
        return Change("same", "no change")
    direction: Direction = "up" if now > before else "down"
    tone: Literal["good", "bad"] = "bad" if (now > before) is is_better_low else "good"
    sign = "+" if now > before else "\N{MINUS SIGN}"
    if unit in SHARES:
        return Change(direction, f"{sign}{exact(abs(round(now - before, 1)))} points", tone)
    if before == 0:
        return Change("new", "new: none before")
    share = abs(now - before) / abs(before) * 100
    shown_share = exact(round(share, 1) if share < 10 else round(share))
    return Change(direction, f"{sign}{shown_share}\N{NARROW NO-BREAK SPACE}%", tone)


def _sign_of(column: Column) -> str:
    return "\N{NARROW NO-BREAK SPACE}%" if column.unit in PERCENT else ""


def _trimmed(value: float) -> str:
    digits = 1 if abs(value) < 100 and not float(value).is_integer() else 0
    text = f"{math.floor(abs(value) * 10**digits + 0.5) / 10**digits:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"\N{MINUS SIGN}{text}" if value < 0 and text != "0" else text
