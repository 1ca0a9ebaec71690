"""Reports about people against plain Python over the same events, in hard time zones, on the real engine."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from tests.oracle import Window, people
from tests.queries.conftest import EDGES, ORGS, World
from tests.queries.test_reports import ask, edges_at_events, windows

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# Of each zone's periods, drawn anew for each report.
WINDOWS = 3
REPORTS = ("user_statistics", "last_logins", "leaderboard", "stickiness", "lifecycle", "retention_cohorts")


def drawn(random: Random, report: str) -> dict[str, Any]:
    """Parameters of the report, as the oracle takes them."""
    choices: dict[str, dict[str, Sequence[Any]]] = {
        "user_statistics": {},
        "last_logins": {"people_only": (True, True, False)},
        "stickiness": {"people_only": (True, True, False)},
        "leaderboard": {
            "span": ("week", "seven_days", "month", "last_month"),
            "week_start": (1, 1, 3, 6, 7),
            "people_only": (True, True, False),
        },
    }
    cohorts = {"per": ("week", "month"), "week_start": (1, 1, 3, 6, 7), "people_only": (True, True, False)}
    return {name: random.choice(each) for name, each in choices.get(report, cohorts).items()}


def asked(report: str, values: dict[str, Any]) -> dict[str, str]:
    """The same as a caller's texts."""
    texts: dict[str, str] = {name: str(values[name]) for name in ("span", "per") if name in values}
    if "week_start" in values:
        texts["week_start"] = DAYS[values["week_start"] - 1]
    if not values.get("people_only", True):
        texts["actors"] = "all"
    if report in {"leaderboard", "last_logins"}:
        texts["limit"] = "1000"
    return texts


@pytest.mark.parametrize("timezone", EDGES)
@pytest.mark.parametrize("report", REPORTS)
def test_report_equals_brute_force(world: World, report: str, timezone: str) -> None:
    """Repeats, bots, ties, quarter-hour edges, clock changes, skipped dates and any first day of the week."""
    random = Random(zlib.crc32(f"{report} {timezone}".encode()))
    found = [*windows(timezone)[1:], *edges_at_events(world, "acme", timezone)]
    # Most people of this history began in 2010.
    start = date(2010, 1, 1) + timedelta(days=random.randrange(60))
    beginning = Window(timezone, start, start + timedelta(days=random.randrange(100, 400)))
    compared = 0
    for window in [beginning, *random.sample(found, WINDOWS)]:
        orgs = random.choice([("acme",), ("beta",), ("acme", "zeta"), ORGS])
        values = drawn(random, report)
        result = ask(world, report, window, ",".join(orgs), **asked(report, values))
        want = getattr(people, report)(world.events, orgs, window, **values)
        want = [want] if report == "user_statistics" else want
        assert want == list(result.rows), (report, orgs, window, values)
        compared += sum(bool(row[1]) for row in want)
    assert compared > 0
