"""Clocks: events are dated by their senders, records by the broker, the books by ClickHouse."""

from __future__ import annotations

from typing import Final

from trailhouse.deploy.doctor.finding import Finding, fail, ok, warn

AREA: Final = "clocks"
WARN_S, FAIL_S = 2.0, 30.0


def compare(name: str, there: float, before: float, after: float) -> Finding:
    """A clock that said `there` between our `before` and `after` (Unix seconds); the time it took is no difference."""
    off = 0.0 if before <= there <= after else min(there - before, there - after, key=abs)
    found = (
        f"{abs(off):.1f} s {'ahead of' if off > 0 else 'behind'} this host"
        if abs(off) >= 0.1
        else "as this host"
    )
    advice = "let NTP set the clocks of all hosts (chronyc tracking, timedatectl)"
    if abs(off) > FAIL_S:
        return fail(AREA, name, found, advice)
    if abs(off) > WARN_S:
        return warn(AREA, name, found, advice)
    return ok(AREA, name, found)
