from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from trailhouse.deploy.errors import StackNotFound
from trailhouse.deploy.importing import ImportOutcome, Job, NothingImported, NotSent, run_job
from trailhouse.deploy.landing import NotLanded, Positions
from trailhouse.deploy.meter import Meter
from trailhouse.deploy.ports import free_ports
from trailhouse.deploy.stack import Stack
from trailhouse.producers import AuditEvent, AuditProducer, BufferSettings, MemoryTransport
from trailhouse.producers.errors import DeliveryFailed
from trailhouse.producers.importers.errors import UnreadableInput
from trailhouse.producers.importers.feed import Source, Tally
from trailhouse.producers.importers.reject import Read, Reject
from trailhouse.producers.settings import KafkaSettings
from trailhouse.producers.transport import Receipt

EVENTS = [AuditEvent.new("page:view", org_id="acme") for _ in range(3)]
REJECT = Reject(2, "occurred_at: lies before 1970", b"raw\xff")


def source(*reads: Read, error: Exception | None = None) -> Source:
    def read() -> Iterator[Read]:
        yield from reads
        if error is not None:
            raise error

    return Source("log", read(), None, lambda: 0)


class Away(MemoryTransport):
    def send(self, value: bytes) -> Receipt:
        raise DeliveryFailed("nobody answers")


class Kafka:
    """Stands in for a running stack: what was sent is in `transport`, `positions` are what the sink has done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.transport = MemoryTransport()
        self.positions = Positions("e1", {0: 3}, {0: 2})
        self.buffer = BufferSettings()
        monkeypatch.setattr("trailhouse.deploy.importing.find_stack", lambda *_: Stack(KafkaSettings(), {}))
        monkeypatch.setattr("trailhouse.deploy.importing.answers", lambda *_: True)
        monkeypatch.setattr("trailhouse.deploy.importing.read_positions", lambda *_: self.positions)
        monkeypatch.setattr("trailhouse.deploy.importing.FLUSH_TIMEOUT_S", 0.5)
        monkeypatch.setattr(
            "trailhouse.producers.AuditProducer",
            lambda _, **options: AuditProducer(transport=self.transport, buffer=self.buffer, **options),
        )


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> Kafka:
    return Kafka(monkeypatch)


def run(job: Job, *sources: Source) -> tuple[ImportOutcome, str]:
    notes = io.StringIO()
    return run_job(job, sources, Meter(notes, {}), {}), notes.getvalue()


def test_every_event_is_sent_and_every_reject_kept(kafka: Kafka, tmp_path: Path) -> None:
    """Sources go one after another; rejected lines land in their file as they were."""
    rejects = tmp_path / "rejects"
    outcome, notes = run(Job(rejects=rejects), source(EVENTS[0], REJECT), source(*EVENTS[1:]))
    assert [event["event_id"] for event in kafka.transport.events] == [event.event_id for event in EVENTS]
    assert (outcome.tally.events, outcome.tally.rejected, outcome.sources) == (3, 1, 2)
    assert rejects.read_bytes() == b"raw\xff\n"
    assert notes == "log:2: occurred_at: lies before 1970\n"
    outcome.raise_trouble()


def test_a_source_that_breaks_off_ends_the_run_after_sending_what_came_before(kafka: Kafka) -> None:
    """Half a file is sent, told, and a failure; the next file is not begun."""
    outcome, _ = run(Job(), source(EVENTS[0], error=UnreadableInput("log breaks off")), source(EVENTS[1]))
    assert len(kafka.transport.events) == 1
    with pytest.raises(UnreadableInput):
        outcome.raise_trouble()


def test_a_wait_ends_when_all_is_stored(kafka: Kafka) -> None:
    """The outcome says how long it took."""
    outcome, _ = run(Job(wait_s=1), source(*EVENTS))
    assert outcome.waited_s is not None
    outcome.raise_trouble()


def test_a_wait_in_vain_is_a_failure_but_keeps_the_counts(kafka: Kafka) -> None:
    """What was sent is said even if it is not queryable yet."""
    kafka.positions = Positions("e1", {0: 3}, {})
    outcome, _ = run(Job(wait_s=0.1), source(*EVENTS))
    assert outcome.tally.events == 3
    with pytest.raises(NotLanded):
        outcome.raise_trouble()


def test_undelivered_events_fail_the_run(kafka: Kafka) -> None:
    """Kafka away is no success, whether the events waited or found no room."""
    kafka.transport = Away()
    with pytest.raises(NotSent, match="everything"):
        run(Job(), source(*EVENTS))
    kafka.buffer = BufferSettings(events=1, max_block_ms=10)
    with pytest.raises(NotSent) as caught:
        run(Job(), source(*EVENTS))
    assert "import again" in caught.value.hint


def test_a_dry_run_needs_no_stack(capsys: pytest.CaptureFixture[str]) -> None:
    """It prints the first three events, counts the rest and sends nothing."""
    outcome, _ = run(Job(dry_run=True), source(*EVENTS, *EVENTS))
    assert capsys.readouterr().out.count("\n") == 3
    assert outcome.to_dict() | {"seconds": 0} == {
        "events": 6,
        "rejected": 0,
        "reasons": {},
        "sources": 1,
        "seconds": 0,
        "waited_seconds": None,
        "sent": False,
    }


def test_without_a_stack_nothing_is_read(tmp_path: Path) -> None:
    """The stack is looked for first: a pipe that was read is gone."""

    def unread() -> Iterator[Read]:
        raise AssertionError
        yield

    with pytest.raises(StackNotFound):
        run_job(Job(data=tmp_path), [Source("log", unread(), None, lambda: 0)], Meter(io.StringIO(), {}), {})


def test_rejects_of_a_table_stand_under_its_header(kafka: Kafka, tmp_path: Path) -> None:
    """So that they can be mended and imported; files with the same columns share one."""
    rejects = tmp_path / "rejects"
    first, second = (Reject(number, "a: b", b"x,%d" % number, b"ts,n") for number in (2, 3))
    run(Job(rejects=rejects), source(first), source(second), source(Reject(4, "a: b", b"y", b"what")))
    assert rejects.read_bytes() == b"ts,n\nx,2\nx,3\nwhat\ny\n"


def test_a_kafka_that_is_away_is_told_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within seconds, with its addresses; a pipe that was read is gone."""

    def unread() -> Iterator[Read]:
        raise AssertionError
        yield

    (port,) = free_ports(1)
    stack = Stack(KafkaSettings(bootstrap=f"127.0.0.1:{port},[::1]:{port}"), {})
    monkeypatch.setattr("trailhouse.deploy.importing.find_stack", lambda *_: stack)
    with pytest.raises(NotSent, match=f"Kafka does not answer at 127.0.0.1:{port}") as caught:
        run(Job(), Source("log", unread(), None, lambda: 0))
    assert "trailhouse status" in caught.value.hint


def test_only_rejects_is_a_failure_and_nothing_at_all_is_none() -> None:
    """An empty file is fine, a file without a single event is not what was meant."""
    ImportOutcome().raise_trouble()
    outcome = ImportOutcome(Tally(0, 3, Counter({"a: b": 2, "c: d": 1})))
    with pytest.raises(NothingImported, match="none of 3 lines") as caught:
        outcome.raise_trouble()
    assert "a: b" in caught.value.cause


def test_the_outcome_reads_as_one_line() -> None:
    """Counts, time, rate and what was rejected most often; sent is not yet new."""
    outcome = ImportOutcome(Tally(10_000, 2, Counter({"a: b": 2})), 1, 2.0, 1.5)
    assert str(outcome) == (
        "sent 10,000 events in 2.0 s, 5,000/s, queryable 1.5 s later; "
        "what was there already counts once; 2 lines rejected: a: b (2)"
    )
    reasons = Counter({"a": 4, "b": 3, "c": 2, "d": 1, "e": 1})
    assert str(ImportOutcome(Tally(0, 11, reasons))).endswith(
        "11 lines rejected: a (4); b (3); c (2); … and 2 more"
    )
    assert str(ImportOutcome(Tally(1, 0), dry_run=True)) == "would send 1 event in 0.0 s"
