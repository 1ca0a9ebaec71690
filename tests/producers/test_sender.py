"""The sender, run on the test's own thread with outcomes the test decides."""

from __future__ import annotations

import itertools
import logging
from pathlib import Path

import pytest
from tests.producers.doubles import Refusal, ScriptedTransport

from trailhouse.producers import sender as module
from trailhouse.producers.buffer import Buffer, Flushed
from trailhouse.producers.errors import DeliveryFailed, DeliveryRefused
from trailhouse.producers.lifetime import ExitDeadline
from trailhouse.producers.sender import Sender
from trailhouse.producers.settings import BufferSettings, SpoolSettings
from trailhouse.producers.spool import Spool
from trailhouse.producers.store import MemoryStore

Told = list[tuple[str, DeliveryFailed | None]]


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACKOFF_MIN_S", 0)
    monkeypatch.setattr(module, "BACKOFF_MAX_S", 0)


def send_all(
    transport: ScriptedTransport, events: int, *, is_ending: bool = False, timeout_s: float = 0
) -> tuple[Buffer, Told]:
    """Run a sender over `events` records named "0", "1", … until it has nothing left."""
    buffer = Buffer(MemoryStore(BufferSettings()), 0)
    told: Told = []
    sender = Sender(
        buffer,
        transport,
        ExitDeadline(timeout_s, is_ending=lambda: is_ending),
        lambda *each: told.append(each),
    )
    for index in range(events):
        buffer.put(str(index), str(index).encode())
    sender.run(idle_s=0)
    return buffer, told


def test_everything_is_sent_once_and_told_once() -> None:
    """The usual day: in order, one outcome each."""
    transport = ScriptedTransport()
    buffer, told = send_all(transport, 5000)
    names = [str(index) for index in range(5000)]
    assert transport.sent == [name.encode() for name in names]
    assert told == [(name, None) for name in names]
    assert buffer.counts() == Flushed(sent=5000, spooled=0, failed=0)


def test_the_window_under_way_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver, which has no limit of its own, never holds more than the window."""
    monkeypatch.setattr(module, "WINDOW_EVENTS", 100)
    transport = ScriptedTransport()
    send_all(transport, 1000)
    assert transport.under_way_at_most == 100
    monkeypatch.setattr(module, "WINDOW_EVENTS", 10_000)
    monkeypatch.setattr(module, "WINDOW_BYTES", 300)
    transport = ScriptedTransport()
    send_all(transport, 1000)
    assert transport.under_way_at_most == 137  # 10 names of 1 byte, 90 of 2, 37 of 3: the first to reach 300


def test_it_flushes_only_when_there_is_nothing_more_to_hand_over() -> None:
    """Batches fill while events wait; the last partly filled one does not wait for a linger."""
    transport = ScriptedTransport()
    send_all(transport, 10 * module.TAKE_EVENTS)
    assert transport.flushed == 1


def test_no_connection_is_tried_again_until_there_is_one(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is lost or told before; the trouble is logged once, and its end."""
    caplog.set_level(logging.INFO, "trailhouse.producers")
    away = DeliveryFailed("away")
    transport = ScriptedTransport(away, away, away)
    buffer, told = send_all(transport, 3)
    assert transport.sent == [b"0", b"1", b"2"]
    assert [error for _, error in told] == [None, None, None]
    assert buffer.trouble == ""
    assert [record.getMessage() for record in caplog.records] == [
        "Kafka takes no events, they are kept and sent again: away",
        "Kafka takes events again",
    ]


def test_a_failed_delivery_sends_what_is_not_confirmed_again_with_the_same_bytes() -> None:
    """The connection is dropped; confirmed events are not sent twice, unconfirmed ones are, in order."""
    transport = ScriptedTransport((None,), (ConnectionError("broken"),), "ok")
    buffer, told = send_all(transport, 3)
    assert transport.sent == [b"0", b"1", b"2", b"1", b"2"]
    assert transport.closed == 1
    assert told == [("0", None), ("1", None), ("2", None)]
    assert buffer.counts() == Flushed(sent=3, spooled=0, failed=0)


def test_an_event_that_cannot_be_handed_over_is_told_and_does_not_hold_up_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its callback has the error, the log names it, the rest arrives on the same connection."""
    transport = ScriptedTransport("ok", DeliveryRefused("not ever"), "ok")
    buffer, told = send_all(transport, 3)
    assert [(name, type(error)) for name, error in told] == [
        ("0", type(None)),
        ("1", DeliveryRefused),
        ("2", type(None)),
    ]
    assert transport.closed == 0
    assert buffer.counts() == Flushed(sent=2, spooled=0, failed=1)
    assert [record.getMessage() for record in caplog.records] == ["event 1 was not delivered: not ever"]


def test_refused_is_only_who_is_refused_alone(caplog: pytest.LogCaptureFixture) -> None:
    """The driver fails innocent events together with the guilty one, and is of no use afterwards."""

    class Poisoned(ScriptedTransport):
        """As kafka-python: one refusal fails everything under way, and all that follows on this connection."""

        is_fatal = False

        def flush(self, timeout_s: float) -> None:
            self.is_fatal = self.is_fatal or any(value == b"3" for value in self.sent[-len(self._open) :])
            for slip in self._open:
                slip.is_done, slip.exception = True, Refusal("too large") if self.is_fatal else None
            self._open.clear()

        def close(self, timeout_s: float) -> None:
            super().close(timeout_s)
            self.is_fatal = False

    transport = Poisoned()
    buffer, told = send_all(transport, 6)
    assert [(name, type(error)) for name, error in told] == [
        (str(index), DeliveryRefused if index == 3 else type(None)) for index in range(6)
    ]
    assert buffer.counts() == Flushed(sent=5, spooled=0, failed=1)
    assert [record.getMessage() for record in caplog.records] == ["event 3 was not delivered: too large"]


def test_innocent_events_failed_in_another_way_do_not_go_round_for_ever() -> None:
    """A batch with one invalid record: that one is refused, the others fail "because of the batch"; all are settled."""

    class Batched(ScriptedTransport):
        def flush(self, timeout_s: float) -> None:
            batch = self.sent[-len(self._open) :]
            for slip, value in zip(self._open, batch, strict=False):
                slip.is_done = True
                if b"2" in batch:
                    slip.exception = (
                        Refusal("invalid")
                        if value == b"2"
                        else OSError("part of a batch with an invalid record")
                    )
            self._open.clear()

    _, told = send_all(Batched(), 5)
    assert {name: type(error) for name, error in told} == {
        "0": type(None),
        "1": type(None),
        "2": DeliveryRefused,
        "3": type(None),
        "4": type(None),
    }


def test_outcomes_are_settled_in_order() -> None:
    """A later event that is confirmed first waits for the one before it, so that `flush` may count."""
    sent_at_flush: list[int] = []

    class Watched(ScriptedTransport):
        def flush(self, timeout_s: float) -> None:
            sent_at_flush.append(buffer.counts().sent)
            super().flush(timeout_s)

    buffer = Buffer(MemoryStore(BufferSettings()), 0)
    sender = Sender(buffer, Watched("late", (None,)), ExitDeadline(0))
    buffer.put("a", b"a")
    buffer.put("b", b"b")
    sender.run(idle_s=0)
    assert sent_at_flush == [0, 0]
    assert buffer.counts().sent == 2


def test_a_callback_that_raises_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and the next event is delivered and told."""
    told: list[str] = []

    def on_delivery(event_id: str, error: DeliveryFailed | None) -> None:
        told.append(event_id)
        raise RuntimeError("mine") if event_id == "a" else SystemExit(1)

    buffer = Buffer(MemoryStore(BufferSettings()), 0)
    sender = Sender(buffer, ScriptedTransport(), ExitDeadline(0), on_delivery)
    buffer.put("a", b"a")
    buffer.put("b", b"b")
    sender.run(idle_s=0)
    assert told == ["a", "b"]
    assert buffer.counts().sent == 2
    assert [record.getMessage() for record in caplog.records] == [
        "on_delivery failed for event a",
        "on_delivery failed for event b",
    ]


def test_an_error_nobody_foresaw_is_logged_and_survived(caplog: pytest.LogCaptureFixture) -> None:
    """A broken driver does not end the thread that everything waits for."""
    transport = ScriptedTransport(ZeroDivisionError("driver"))
    buffer, told = send_all(transport, 2)
    assert told == [("0", None), ("1", None)]
    assert "the sender met an error it does not know" in caplog.text
    assert buffer.counts().sent == 2


def test_outcomes_known_before_an_error_nobody_foresaw_count() -> None:
    """A transport that fails while it explains an error does not take the confirmed events with it."""

    class Speechless(ScriptedTransport):
        def explain(self, error: BaseException) -> DeliveryFailed:
            if self.closed == 0:
                raise ZeroDivisionError("explain")
            return super().explain(error)

    buffer, told = send_all(Speechless((None,), (OSError("broken"),)), 3)
    assert told == [("0", None), ("1", None), ("2", None)]
    assert buffer.counts() == Flushed(sent=3, spooled=0, failed=0)


def test_even_a_driver_that_cannot_be_closed_leaves_room_for_another_sender() -> None:
    """The thread ends, what is under way stays, the next one delivers it."""

    class Stuck(ScriptedTransport):
        def close(self, timeout_s: float) -> None:
            super().close(timeout_s)
            if self.closed <= 2:
                raise SystemError("cannot close")

    transport = Stuck(DeliveryFailed("away"))
    buffer = Buffer(MemoryStore(BufferSettings()), 0)
    sender = Sender(buffer, transport, ExitDeadline(0))
    buffer.put("a", b"a")
    with pytest.raises(SystemError):
        sender.run(idle_s=0)
    assert buffer.claim()
    transport.outcomes.append("ok")
    sender._recover(DeliveryFailed("again"))
    sender.run(idle_s=0)
    assert buffer.counts() == Flushed(sent=1, spooled=0, failed=0)


def test_an_ending_process_gives_up_loudly_when_kafka_stays_away(caplog: pytest.LogCaptureFixture) -> None:
    """Each event is told, the log says how many and why."""
    transport = ScriptedTransport(*[DeliveryFailed("away")] * 3)
    buffer, told = send_all(transport, 3, is_ending=True, timeout_s=0)
    assert [name for name, _ in told] == ["0", "1", "2"]
    assert all(isinstance(error, DeliveryFailed) and "away" in str(error) for _, error in told)
    assert buffer.counts() == Flushed(sent=0, spooled=0, failed=3)
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.CRITICAL] == [
        "3 audit events were NOT delivered, first 0: not confirmed by Kafka before the producer ended: away"
    ]


def test_an_abandoned_sender_reports_what_still_waits_too() -> None:
    """What was not even taken from the buffer yet is told like the rest."""
    buffer = Buffer(MemoryStore(BufferSettings()), 0)
    told: Told = []
    sender = Sender(
        buffer, ScriptedTransport(*["hang"] * 10_000), ExitDeadline(0), lambda *each: told.append(each)
    )
    for index in range(3 * module.TAKE_EVENTS):
        buffer.put(str(index), b"")
    sender.abandon()
    sender.run(idle_s=0)
    assert [name for name, _ in told] == [str(index) for index in range(3 * module.TAKE_EVENTS)]
    assert buffer.counts() == Flushed(sent=0, spooled=0, failed=3 * module.TAKE_EVENTS)


def test_with_a_spool_an_ending_process_leaves_an_absent_kafka_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is told as failed, nothing is lost: the next sender begins where Kafka stopped."""
    buffer = Buffer(Spool(tmp_path, SpoolSettings()), 0)
    told: Told = []
    transport = ScriptedTransport((None,), (None,), *["hang"] * 3)
    transport.outcomes.extend([DeliveryFailed("away")] * 10)
    deadline = ExitDeadline(86_400, is_ending=lambda: True)
    for index in range(6):
        buffer.put(str(index), str(index).encode())
    Sender(buffer, transport, deadline, lambda *each: told.append(each)).run(idle_s=0)
    assert buffer.counts() == Flushed(sent=2, spooled=4, failed=0)
    assert len(told) == 2
    assert "4 audit events stay in the spool for the next process: away" in caplog.text
    buffer.trouble = ""
    transport = ScriptedTransport()
    assert buffer.claim()
    Sender(buffer, transport, ExitDeadline(0)).run(idle_s=0)
    assert transport.sent == [b"2", b"3", b"4", b"5"]
    assert buffer.counts() == Flushed(sent=6, spooled=0, failed=0)


def test_with_a_spool_a_silent_kafka_is_waited_for_as_long_as_was_asked(tmp_path: Path) -> None:
    """No trouble, and no answer."""
    buffer = Buffer(Spool(tmp_path, SpoolSettings()), 0)
    buffer.put("0", b"0")
    moments = itertools.count()
    deadline = ExitDeadline(10, is_ending=lambda: True, clock=lambda: float(next(moments)))
    transport = ScriptedTransport("hang")
    Sender(buffer, transport, deadline).run(idle_s=0)
    assert 8 <= transport.flushed <= 10
    assert buffer.counts() == Flushed(sent=0, spooled=1, failed=0)
