"""The buffer between emitters and the sender."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailhouse.producers.buffer import Buffer, Flushed
from trailhouse.producers.errors import AuditBufferFull, ProducerClosed
from trailhouse.producers.settings import BufferSettings
from trailhouse.producers.store import MemoryStore
from trailhouse.producers.transport import Record

LARGEST = 256 * 1024


def named(index: int = 0, size: int = 10) -> tuple[str, bytes]:
    return str(index), b"x" * size


def buffer(events: int = 3, max_block_ms: int = 0) -> Buffer:
    return Buffer(MemoryStore(BufferSettings(events=events, bytes=LARGEST)), max_block_ms)


def test_the_first_record_asks_for_a_sender_and_the_next_do_not() -> None:
    """Exactly one caller is told to start one."""
    held = buffer()
    assert [held.put(*named()) for _ in range(3)] == [True, False, False]


def test_records_leave_in_the_order_they_came_within_the_limits_asked() -> None:
    """By count, and by size: the one that crosses the size is the last."""
    held = buffer(events=10)
    records = [Record(*named(index, size=10)) for index in range(6)]
    for each in records:
        held.put(each.event_id, each.value)
    assert held.store.take(2, 1000) == records[:2]
    assert held.store.take(10, 15) == records[2:4]
    assert held.store.take(10, 0) == []
    assert held.store.take(0, 1000) == []
    assert held.store.take(10, 1000) == records[4:]


def test_a_full_buffer_refuses_with_the_reason() -> None:
    """The error says how full, for how long, and what Kafka's trouble is."""
    held = buffer(events=2)
    held.trouble = "127.0.0.1:9: connection refused"
    held.put(*named())
    held.put(*named())
    with pytest.raises(
        AuditBufferFull,
        match=r"2 events \(20 bytes\) .* within 0 ms .* not accepted: 127.0.0.1:9: connection refused",
    ):
        held.put(*named())
    assert held.counts() == Flushed(sent=0, spooled=2, failed=0)


def test_bytes_are_bounded_too() -> None:
    """Few large events fill it as many small ones do."""
    held = buffer(events=100)
    held.put(*named(size=LARGEST - 10))
    held.put(*named(size=10))
    with pytest.raises(AuditBufferFull):
        held.put(*named(size=1))


def test_what_is_under_way_keeps_its_room() -> None:
    """Taking is not settling: memory is free only once Kafka has answered."""
    held = buffer(events=1)
    held.put(*named())
    taken = held.store.take(1, 100)
    with pytest.raises(AuditBufferFull):
        held.put(*named())
    held.settle(taken)
    held.put(*named())


def test_a_waiting_caller_goes_on_when_there_is_room() -> None:
    """Full, then settled by another thread: the caller never notices more than the wait."""
    held = buffer(events=1, max_block_ms=60_000)
    held.put(*named(1))
    waiter = threading.Thread(target=held.put, args=named(2))
    waiter.start()
    held.settle(held.store.take(1, 100))
    waiter.join(30)
    assert not waiter.is_alive()
    assert held.store.take(1, 100) == [Record(*named(2))]


def test_closing_wakes_a_waiting_caller() -> None:
    """It gets `ProducerClosed`, at once."""
    held = buffer(events=1, max_block_ms=60_000)
    held.put(*named())
    errors: list[Exception] = []

    def put() -> None:
        try:
            held.put(*named())
        except ProducerClosed as error:
            errors.append(error)

    waiter = threading.Thread(target=put)
    waiter.start()
    held.close()
    waiter.join(30)
    assert len(errors) == 1


def test_a_closed_buffer_accepts_nothing_but_gives_what_it_has() -> None:
    """Closing ends the accepting, not the delivering."""
    held = buffer()
    held.put(*named())
    held.close()
    with pytest.raises(ProducerClosed):
        held.put(*named())
    assert held.await_work(60)
    assert held.store.take(9, 100) == [Record(*named())]


def test_the_sender_never_waits_for_itself() -> None:
    """A callback that emits into a full buffer is refused at once, and `wait` there only counts."""
    held = buffer(events=1, max_block_ms=86_400_000)
    held.put(*named())
    assert held.await_work(0)
    with pytest.raises(AuditBufferFull):
        held.put(*named())
    assert held.wait(None) == Flushed(sent=0, spooled=1, failed=0)


def test_a_sender_without_work_steps_down() -> None:
    """After that the next record asks for a new one."""
    held = buffer()
    held.put(*named())
    held.settle(held.store.take(1, 100))
    assert not held.await_work(0)
    assert held.put(*named())


def test_claiming_succeeds_only_with_work_and_no_sender() -> None:
    """`flush` and the exit hook take over where a thread could not be started."""
    held = buffer()
    assert not held.claim()
    held.put(*named())
    assert not held.claim()
    held.resign()
    assert held.claim()
    assert not held.claim()


def test_waiting_ends_in_time() -> None:
    """Nothing settles: `wait` returns the counts when its time is over."""
    held = buffer()
    held.put(*named())
    assert held.wait(0) == Flushed(sent=0, spooled=1, failed=0)


def test_waiting_covers_what_was_accepted_before_it() -> None:
    """It returns at once when that is settled, failures included."""
    held = buffer()
    held.put(*named())
    held.put(*named())
    held.settle(held.store.take(2, 100), failed=1)
    assert held.wait(None) == Flushed(sent=1, spooled=0, failed=1)


@given(st.lists(st.tuples(st.sampled_from(["put", "take", "settle"]), st.integers(1, 40)), max_size=60))
def test_counts_always_add_up(steps: list[tuple[str, int]]) -> None:
    """Whatever the order: accepted = sent + pending + failed, order is kept, and the limits hold."""
    held = Buffer(MemoryStore(BufferSettings(events=20, bytes=LARGEST)), 0)
    accepted = settled = 0
    under_way: list[Record] = []
    order: list[str] = []
    for step, number in steps:
        if step == "put":
            for _ in range(number):
                try:
                    held.put(*named(accepted, size=number))
                except AuditBufferFull:
                    assert accepted - settled == 20
                    break
                accepted += 1
        elif step == "take":
            taken = held.store.take(number, LARGEST)
            under_way += taken
            order += [each.event_id for each in taken]
        else:
            held.settle(under_way[:number], failed=min(1, len(under_way)))
            settled += len(under_way[:number])
            del under_way[:number]
        counts = held.counts()
        assert sum(counts) == accepted
        assert counts.spooled == accepted - settled <= 20
    assert order == [str(index) for index in range(len(order))]
