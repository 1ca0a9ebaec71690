"""One run of `trailhouse simulate`: make events, send or write them, count, show."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import orjson

from trailhouse.deploy.importing import AGAIN, NotSent, await_queryable, check_kafka, deliver
from trailhouse.deploy.landing import NotLanded
from trailhouse.deploy.pace import Pace
from trailhouse.deploy.stack import find_stack
from trailhouse.producers.errors import AuditBufferFull
from trailhouse.producers.identity import mint_id
from trailhouse.producers.moment import write_milliseconds
from trailhouse.producers.settings import BufferSettings
from trailhouse.producers.simulation import Incident, Line, Plan, Simulation
from trailhouse.producers.simulation.incident import TEXTS

if TYPE_CHECKING:
    from trailhouse.deploy.meter import Meter
    from trailhouse.deploy.stack import Stack

LIVE_DAYS: Final = 3650
"""live, a company is planned for so many days; then it begins anew"""
SHOWN_EVERY: Final = 500
PATIENCE_MS: Final = 30_000
"""so long Kafka may take nothing before the run is given up"""

Take = Callable[[Line], object]


@dataclass(frozen=True, slots=True)
class Order:
    """What the options said; `output` None = to the stack, "-" = stdout. `rate` in events a second makes it live."""

    plan: Plan
    output: str | None = None
    rate: float | None = None
    wait_s: float | None = None
    data: Path | None = None


@dataclass(slots=True)
class Made:
    """What a run made: events by organisation, repeats included. `incidents` are those that took place."""

    plan: Plan
    events: Counter[str] = field(default_factory=Counter)
    incidents: list[Incident] = field(default_factory=list)
    seconds: float = 0.0
    started: float = 0.0
    """by the clock of `time.perf_counter`"""
    waited_s: float | None = None
    stack: Stack | None = None
    is_live: bool = False
    trouble: Exception | None = None

    @property
    def total(self) -> int:
        return sum(self.events.values())

    def organisations(self) -> list[dict[str, Any]]:
        """A row for each: who belongs to it, what they did."""
        found = Counter(each.org_id for each in self.incidents)
        return [
            {
                "organisation": each.org_id,
                "people": len(each.staff),
                "members_at_the_end": each.members(),
                "machines": len(each.machines),
                "events": self.events[each.org_id],
                "incidents": found[each.org_id],
            }
            for each in Simulation(self.plan).organisations()
        ]

    def to_dict(self) -> dict[str, Any]:
        """For `--format json`; durations in seconds."""
        return {
            "events": self.total,
            "since": None if self.is_live else self.plan.first.isoformat(),
            "until": None if self.is_live else self.plan.until.isoformat(),
            "seconds": round(self.seconds, 3),
            "waited_seconds": None if self.waited_s is None else round(self.waited_s, 3),
            "organisations": self.organisations(),
            "incidents": [each.to_dict() for each in self.incidents],
        }

    def __str__(self) -> str:
        rate = f", {self.total / self.seconds:,.0f}/s" if self.seconds > 0.5 else ""
        waited = "" if self.waited_s is None else f", queryable {self.waited_s:.1f} s later"
        return f"{self.total:,} events in {self.seconds:.1f} s{rate}{waited}"


def live_plan(plan: Plan, today: date) -> Plan:
    """The same people over the years to come."""
    until = today + timedelta(days=LIVE_DAYS - 1)
    return Plan(until=until, orgs=plan.orgs, people=plan.people, days=LIVE_DAYS, seed=plan.seed)


def run_order(order: Order, meter: Meter, environ: Mapping[str, str], stdout: IO[bytes]) -> Made:
    """Carry it out. A live one goes on until `KeyboardInterrupt`, which ends it well.

    Raises `StackNotFound` and `NotSent`; `trouble` is what failed when all had been sent.
    """
    made = Made(order.plan, is_live=order.rate is not None)
    if order.output is not None:
        with _opened(order.output, stdout) as file:
            _make(order, meter, made, lambda line: file.write(line.value + b"\n"))
            file.flush()
        return made
    made.stack = stack = find_stack(order.data, environ)
    check_kafka(stack.kafka.bootstrap)
    with _producer(stack) as take:
        _make(order, meter, made, take)
    if order.wait_s is not None:
        try:
            made.waited_s = await_queryable(stack, order.wait_s, meter)
        except NotLanded as error:
            made.trouble = error
    return made


@contextmanager
def _opened(output: str, stdout: IO[bytes]) -> Iterator[IO[bytes]]:
    if output == "-":
        yield stdout
    else:
        with Path(output).open("wb") as file:
            yield file


@contextmanager
def _producer(stack: Stack) -> Iterator[Take]:
    """Sends lines through the SDK. Without a spool: what was not sent is made again by the next run."""
    from trailhouse.producers import AuditProducer  # noqa: PLC0415  not needed to write a file

    producer = AuditProducer(stack.kafka, buffer=BufferSettings(max_block_ms=PATIENCE_MS), spool="off")
    try:
        yield lambda line: producer.emit_bytes(line.event_id, line.value)
    except AuditBufferFull as error:
        raise NotSent("Kafka takes no events", cause=str(error), hint=AGAIN) from None
    finally:
        deliver(producer)


def _make(order: Order, meter: Meter, made: Made, take: Take) -> None:
    made.started = time.perf_counter()
    try:
        with meter:
            if order.rate is None:
                _make_history(order.plan, meter, made, take)
            else:
                _make_live(order, Pace(order.rate), meter, made, take)
    finally:
        made.seconds = time.perf_counter() - made.started


def _make_history(plan: Plan, meter: Meter, made: Made, take: Take) -> None:
    simulation = Simulation(plan)
    meter.begin("simulating", simulation.expected(), "events")
    count = 0
    for line in simulation.lines():
        take(line)
        made.events[line.org_id] += 1
        count += 1
        if count % SHOWN_EVERY == 0:
            meter.show(count, count)
    meter.resize(count)
    meter.show(count, count)
    made.incidents = simulation.incidents()


def _make_live(order: Order, pace: Pace, meter: Meter, made: Made, take: Take) -> None:
    """Play the years of the plan as if they happened now, until Ctrl-C."""
    count = 0
    try:
        for event, incident in _endless(Simulation(order.plan)):
            if not count:  # the years ahead are planned by now
                made.started = time.perf_counter()
                meter.begin("live", None, "events")
            if pace.wait(count) or count % SHOWN_EVERY == 0:
                meter.show(count, count)
            now_ms = time.time_ns() // 1_000_000
            event_id = mint_id(now_ms)
            event |= {"event_id": event_id, "occurred_at": write_milliseconds(now_ms)}
            take(Line(event["org_id"], event_id, orjson.dumps(event)))
            made.events[event["org_id"]] += 1
            count += 1
            if incident is not None:
                made.incidents.append(incident)
                meter.note(f"{incident.org_id}: {incident.user_id}: {TEXTS[incident.kind]}")
    except KeyboardInterrupt:
        return


def _endless(simulation: Simulation) -> Iterator[tuple[dict[str, Any], Incident | None]]:
    """Each event, with the incident that begins with it."""
    begins = {each.event_ids[0]: each for each in simulation.incidents()}
    while True:
        for event in simulation.happened():
            yield event, begins.get(event["event_id"])
