"""Memory of each role while millions of events go through the whole path."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psutil

from bench.database import fresh_database
from bench.groups import Committed
from bench.path import ROLES, roles
from bench.stage import STALL_TIMEOUT_S, START_TIMEOUT_S, RunFailed, Stage

SAMPLE_S = 1.0
TENTHS = 10
#: From the half to the end, by role: what counts as flat. Caches are full by the half, a leak goes on.
GROWTH_MAX = 1.15


def soak(stage: Stage, count: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Resident megabytes of each role at every tenth of `count` events, and their growth from the half to the end."""
    raw = stage.fill(count)
    points: list[dict[str, Any]] = []
    with fresh_database(stage.server, "soak") as database:
        wiring = replace(stage.wire(raw), clickhouse=database.dsn)
        group = f"{wiring.group}-sink"
        with roles(stage, wiring) as (stream, sink), Committed(stage.bootstrap, group) as committed:
            pids = (stream.pid, sink.pid, stage.server.pid or 0, stage.kafka.pid or 0)
            started = moved = time.monotonic()
            seen = 0
            while seen < count:
                time.sleep(SAMPLE_S)
                last, seen = seen, committed.count()
                now = time.monotonic()
                if seen > last:
                    moved = now
                if now - moved > (STALL_TIMEOUT_S if seen else START_TIMEOUT_S):
                    raise RunFailed(f"{seen} of {count} events, then nothing\n{sink.end_of_log()}")
                while len(points) < TENTHS and seen * TENTHS >= count * (len(points) + 1):
                    memory = dict(zip(ROLES, map(_rss_mb, pids), strict=True))
                    points.append({"events": count * (len(points) + 1) // TENTHS, "rss_mb": memory})
                    say(
                        f"  {points[-1]['events']:10,} events  "
                        + "  ".join(f"{k} {v:.0f} MB" for k, v in memory.items())
                    )
            seconds = time.monotonic() - started
        landed = database.landed()
    half, end = points[TENTHS // 2 - 1]["rss_mb"], points[-1]["rss_mb"]
    growth = {role: end[role] / max(1.0, half[role]) for role in ROLES}
    row: dict[str, Any] = {
        "contender": "soak",
        "events": count,
        "seconds": seconds,
        "points": points,
        "growth": growth,
        "is_flat": max(growth.values()) <= GROWTH_MAX,
    }
    if landed != count:
        row["void"] = f"{landed} raw offsets accounted for, wanted {count}"
    return row


def _rss_mb(pid: int) -> float:
    with contextlib.suppress(psutil.Error):
        return float(psutil.Process(pid).memory_info().rss) / 1e6
    return 0.0
