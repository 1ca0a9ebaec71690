"""A small simulation that several tests look at; made once a process."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from trailhouse.producers.simulation import Plan, Simulation
from trailhouse.producers.simulation.organisation import Organisation

PLAN = Plan(until=date(2026, 3, 31), orgs=2, people=70, days=120, seed=7)
LARGEST = "alder-7"


@cache
def happened() -> tuple[dict[str, Any], ...]:
    """Every event once, in order of time."""
    return tuple(Simulation(PLAN).happened())


@cache
def organisations() -> dict[str, Organisation]:
    return {each.org_id: each for each in Simulation(PLAN).organisations()}


def at(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["occurred_at"])


def days(count: int = PLAN.days) -> list[date]:
    return [PLAN.first + timedelta(days=number) for number in range(count)]
