"""One run of `trailhouse simulate`, without a stack."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO

import pytest

from trailhouse.deploy.errors import StackNotFound
from trailhouse.deploy.meter import Meter
from trailhouse.deploy.simulating import LIVE_DAYS, Made, Order, live_plan, run_order
from trailhouse.producers.event import AuditEvent
from trailhouse.producers.simulation import Plan, Simulation

PLAN = Plan(until=date(2026, 3, 31), orgs=2, people=10, days=14)


class Impatient(io.BytesIO):
    """A reader that presses Ctrl-C when it has seen enough."""

    def __init__(self, lines: int) -> None:
        super().__init__()
        self._left = lines

    def write(self, data: object) -> int:
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt
        return super().write(data)  # type: ignore[arg-type]  # whatever bytes are


def made_of(order: Order, stdout: IO[bytes] | None = None) -> Made:
    return run_order(order, Meter(io.StringIO()), {}, stdout or io.BytesIO())


def test_a_file_holds_what_the_library_makes(tmp_path: Path) -> None:
    """Line by line, and the outcome counts what it holds."""
    file = tmp_path / "events.ndjson"
    made = made_of(Order(PLAN, str(file)))
    assert file.read_bytes() == b"".join(line.value + b"\n" for line in Simulation(PLAN).lines())
    assert made.total == file.read_bytes().count(b"\n")
    assert made.incidents == Simulation(PLAN).incidents()
    rows = made.organisations()
    assert [row["organisation"] for row in rows] == list(PLAN.sizes())
    assert sum(row["events"] for row in rows) == made.total
    assert sum(row["incidents"] for row in rows) == len(made.incidents)
    assert made.to_dict()["until"] == "2026-03-31"


def test_live_events_happen_now_until_ctrl_c() -> None:
    """New ids, this moment, in the order that makes sense; Ctrl-C ends it well."""
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    out = Impatient(300)
    made = made_of(Order(live_plan(PLAN, date(2026, 4, 1)), "-", 1_000_000.0), out)
    events = [AuditEvent.from_bytes(line) for line in out.getvalue().splitlines()]
    assert len(events) == made.total == 300
    assert all(before <= datetime.fromisoformat(event.occurred_at) <= datetime.now(UTC) for event in events)
    assert len({event.event_id for event in events}) == 300
    assert {event.org_id for event in events} == set(PLAN.sizes())
    assert made.to_dict()["since"] is None


def test_live_incidents_are_told_when_they_begin() -> None:
    """Each once, in words, on stderr."""
    told, out = io.StringIO(), Impatient(60_000)
    plan = Plan(until=date(2026, 3, 31), orgs=1, people=10, days=60)
    made = run_order(Order(plan, "-", 1e9), Meter(told), {}, out)
    assert len(told.getvalue().splitlines()) == len(made.incidents) > 6  # the plan began anew
    assert "alder: u-00" in told.getvalue()


def test_a_live_plan_has_the_same_people_for_years() -> None:
    """It begins today."""
    plan = live_plan(PLAN, date(2026, 4, 1))
    assert (plan.first, plan.days, plan.sizes()) == (date(2026, 4, 1), LIVE_DAYS, PLAN.sizes())


def test_without_a_stack_nothing_is_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The reason is told before the work is done."""
    monkeypatch.setattr(Simulation, "lines", lambda _self: pytest.fail("made"))
    with pytest.raises(StackNotFound):
        run_order(Order(PLAN, data=tmp_path), Meter(io.StringIO()), {"HOME": str(tmp_path)}, io.BytesIO())


def test_the_outcome_is_a_sentence() -> None:
    """Rate and waiting only where they say something."""
    made = Made(PLAN, seconds=2.0)
    made.events.update(alder=3000, birch=1000)
    assert str(made) == "4,000 events in 2.0 s, 2,000/s"
    made.waited_s = 1.5
    assert str(made).endswith(", queryable 1.5 s later")
