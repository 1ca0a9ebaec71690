"""Ids and times of simulated events, written quickly."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import Final

from trailhouse.producers.simulation.luck import Luck
from trailhouse.producers.simulation.office import DAY_MS

_EPOCH: Final = date(1970, 1, 1)


def write_id(milliseconds: int, luck: Luck) -> str:
    """A UUIDv7 of that moment whose other bits are luck's, not the machine's."""
    at, noise = f"{milliseconds:012x}", f"{luck.getrandbits(72):018x}"
    return f"{at[:8]}-{at[8:]}-7{noise[:3]}-a{noise[3:6]}-{noise[6:]}"


def write_time(milliseconds: int) -> str:
    """As `moment.write_milliseconds`, for times that are never the same second twice."""
    day, rest = divmod(milliseconds, DAY_MS)
    seconds, thousandths = divmod(rest, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{_write_day(day)}T{hour:02}:{minute:02}:{second:02}.{thousandths:03}Z"


@lru_cache(maxsize=1024)
def _write_day(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).isoformat()
