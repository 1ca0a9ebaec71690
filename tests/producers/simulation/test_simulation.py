from __future__ import annotations

import hashlib
import subprocess
import sys
import tracemalloc
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from itertools import accumulate

import orjson
import pytest
from tests.producers.simulation.world import PLAN, happened

from trailhouse.producers.event import AuditEvent
from trailhouse.producers.simulation import Plan, Simulation

SMALL = Plan(until=date(2026, 3, 31), orgs=2, people=20, days=40)

SCRIPT = """
import hashlib
from datetime import date
from trailhouse.producers.simulation import Plan, Simulation
digest = hashlib.sha256()
for line in Simulation(Plan(until=date(2026, 3, 31), orgs=2, people=20, days=40)).lines():
    digest.update(line.value + b"\\n")
print(digest.hexdigest())
"""

DIGEST = "96512b70e819148642403e9ecd7877eb3c7d416b423abab8e85edf909eae8111"
"""of all records of `SMALL`; when what is simulated changes, so does `plan.VERSION`, and this"""


def digest_of(plan: Plan) -> str:
    digest = hashlib.sha256()
    for line in Simulation(plan).lines():
        digest.update(line.value + b"\n")
    return digest.hexdigest()


@pytest.mark.parametrize("hash_seed", ["0", "4711"])
def test_equal_plans_give_equal_bytes_in_every_process(hash_seed: str) -> None:
    """Whatever the order of its sets and the machine's time zone: the very bytes that were written down here."""
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={"PYTHONHASHSEED": hash_seed, "TZ": "Asia/Tokyo", "PYTHONTZPATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == DIGEST


def test_other_plans_share_no_event() -> None:
    """But for the roster of the first day, which says the same of the same people."""

    def ids(days: int = 20, people: int = 20, seed: int = 1, events: int | None = None) -> set[str]:
        plan = Plan(until=SMALL.until, orgs=1, people=people, days=days, seed=seed, events=events)
        return {event["event_id"] for event in Simulation(plan).happened() if event.get("source") != "roster"}

    first = ids()
    for other in (ids(days=19), ids(people=21), ids(seed=2), ids(events=4000)):
        assert not first & other
    assert first == ids()


def test_all_that_happened_arrives_some_late_a_few_twice() -> None:
    """Resends are exact; lateness is real but rare; nothing is missing."""
    arrived = list(Simulation(PLAN).lines())
    contents: defaultdict[str, set[bytes]] = defaultdict(set)
    for line in arrived:
        contents[line.event_id].add(line.value)
    assert all(len(each) == 1 for each in contents.values())
    assert set(contents) == {event["event_id"] for event in happened()}
    assert 0.003 < (len(arrived) - len(contents)) / len(contents) < 0.008
    times = [datetime.fromisoformat(orjson.loads(line.value)["occurred_at"]) for line in arrived]
    newest = accumulate(times, max)
    late = sum(at < before - timedelta(minutes=2) for at, before in zip(times, newest, strict=True))
    assert 0.01 < late / len(arrived) < 0.02


def test_lines_events_and_objects_are_the_same() -> None:
    """Three ways to take one stream; each may be taken again."""
    simulation = Simulation(Plan(until=SMALL.until, orgs=1, people=5, days=5))
    objects = list(simulation.arrived())
    assert [event.to_dict() for event in simulation.events()] == [
        {name: event[name] for name in AuditEvent(**event).to_dict()} for event in objects
    ]
    lines = list(simulation.lines())
    assert [AuditEvent.from_bytes(line.value).to_dict() for line in lines] == [
        AuditEvent(**event).to_dict() for event in objects
    ]
    assert [(line.org_id, line.event_id) for line in lines] == [
        (event["org_id"], event["event_id"]) for event in objects
    ]


def test_an_organisation_does_as_much_beside_others() -> None:
    """Each is in its own luck: the events of one are those of its plan, whoever else is there."""
    counts = Counter(event["org_id"] for event in Simulation(SMALL).happened())
    sizes = SMALL.sizes()
    assert set(counts) == set(sizes)
    assert all(counts[org] > 20 * size for org, size in sizes.items())


def test_memory_is_bounded_however_long_it_goes_on() -> None:
    """Ten times the days take less than twice the memory."""

    def peak(days: int) -> int:
        tracemalloc.start()
        for _ in Simulation(Plan(until=SMALL.until, orgs=1, people=12, days=days)).lines():
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(200) < 2 * peak(20)


@pytest.mark.parametrize(("people", "days"), [(1, 1), (3, 2), (5, 400)])
def test_small_and_long_plans_work(people: int, days: int) -> None:
    """No size is special."""
    plan = Plan(until=SMALL.until, orgs=1, people=people, days=days)
    assert all(
        plan.first <= date.fromisoformat(e["occurred_at"][:10]) <= plan.until
        for e in Simulation(plan).happened()
    )
