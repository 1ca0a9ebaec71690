from __future__ import annotations

from collections.abc import Iterator

from trailhouse.producers.event import AuditEvent
from trailhouse.producers.importers.errors import UnreadableInput
from trailhouse.producers.importers.feed import TICK_EVENTS, Source, Tally, feed
from trailhouse.producers.importers.reject import Read, Reject

EVENT = AuditEvent.new("page:view", org_id="acme")
REJECT = Reject(3, "occurred_at: lies before 1970", b"raw")


class Collector:
    def __init__(self) -> None:
        self.events: list[AuditEvent] = []

    def emit_event(self, event: AuditEvent) -> None:
        self.events.append(event)


def run(reads: Iterator[Read]) -> tuple[Collector, Tally, list[Reject], list[int]]:
    collector, tally, rejects, ticks = Collector(), Tally(), [], []
    source = Source("log", reads, None, lambda: 7)
    try:
        feed(
            source,
            collector,
            tally,
            on_reject=lambda _, reject: rejects.append(reject),
            on_tick=lambda _, so_far: ticks.append(so_far.events + so_far.rejected),
        )
    except UnreadableInput:
        ticks.append(-1)
    return collector, tally, rejects, ticks


def test_events_go_on_and_rejects_are_counted_by_reason() -> None:
    """Everything read is either emitted or counted."""
    collector, tally, rejects, _ = run(iter([EVENT, REJECT, EVENT, REJECT]))
    assert collector.events == [EVENT, EVENT]
    assert (tally.events, tally.rejected) == (2, 2)
    assert rejects == [REJECT, REJECT]
    assert tally.reasons == {REJECT.reason: 2}


def test_progress_is_told_now_and_then_and_at_the_end() -> None:
    """Often enough to look alive, seldom enough to cost nothing."""
    *_, ticks = run(iter([EVENT] * (2 * TICK_EVENTS + 1)))
    assert ticks == [TICK_EVENTS, 2 * TICK_EVENTS, 2 * TICK_EVENTS + 1]


def test_the_tally_is_right_when_a_source_breaks_off() -> None:
    """What came before the break counts."""

    def broken() -> Iterator[Read]:
        yield EVENT
        raise UnreadableInput("log breaks off")

    _, tally, _, ticks = run(broken())
    assert (tally.events, ticks) == (1, [-1])
