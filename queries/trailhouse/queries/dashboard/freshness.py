"""How fresh what is shown is: until when everything is stored, and whether that is as it should be. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from trailhouse.queries.dashboard.figure import ago, moment

#: Older than that is said in amber, and then in red: either nothing happens, or something hangs.
LATE_AFTER: Final = timedelta(minutes=5)
OLD_AFTER: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Freshness:
    """`state` is '' (nothing is stored), `good`, `late` or `old`; `at` and `since` are for people."""

    state: str
    at: str = ""
    iso: str = ""
    since: str = ""
    zone: str = "UTC"

    @property
    def text(self) -> str:
        """`up to 12 s ago`."""
        return f"up to {self.since}" if self.since != "now" else "up to now"


def stored_through(landed_until: datetime | None) -> dict[str, str]:
    """The same for a file, whose rows say nothing of it: as a header."""
    return {"X-Trailhouse-Stored-Through": landed_until.isoformat()} if landed_until else {}


def freshness_of(landed_until: datetime | None, now: datetime, timezone: str = "UTC") -> Freshness:
    """What is said of a store whose newest record was received at `landed_until`, None = it holds nothing."""
    if landed_until is None:
        return Freshness("", zone=timezone)
    age = now - landed_until
    state = "good" if age < LATE_AFTER else "late" if age < OLD_AFTER else "old"
    local = landed_until.astimezone(ZoneInfo(timezone))
    return Freshness(state, moment(local), landed_until.isoformat(), ago(landed_until, now), timezone)
