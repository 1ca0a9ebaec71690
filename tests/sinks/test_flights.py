"""Batches under way land in the order they took off, however long each takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from trailhouse.sinks.batch import Batch
from trailhouse.sinks.flights import AT_ONCE, Flights


class Tower:
    """Lets each batch land when told to, and knows which were stored at the same time."""

    def __init__(self) -> None:
        self.cleared: dict[int, threading.Event] = {}
        self.followed: dict[int, bool] = {}
        self.flying, self.most = 0, 0
        self._lock = threading.Lock()

    def batch(self, number: int) -> Batch:
        self.cleared[number] = threading.Event()
        return Batch(number, time.monotonic(), lines=[b"{}"] * number)

    def store(self, batch: Batch, is_stored_before: Callable[[], bool]) -> bool:
        with self._lock:
            self.flying += 1
            self.most = max(self.most, self.flying)
        self.cleared[batch.generation].wait(10)
        with self._lock:
            self.flying -= 1
        if batch.generation == 13:
            raise OSError("lost")
        self.followed[batch.generation] = is_stored_before()
        return batch.generation != 7


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_the_first_lands_first() -> None:
    """One that is done before those that took off earlier waits for them."""
    tower = Tower()
    flights = Flights(tower.store)
    first, second = tower.batch(1), tower.batch(2)
    flights.take_off(first)
    flights.take_off(second)
    until(lambda: tower.flying == 2)
    assert (len(flights), flights.rows, flights.is_full, flights.first) == (2, 3, True, first)
    tower.cleared[2].set()
    until(lambda: tower.flying == 1)
    assert not flights.is_first_done
    assert tower.followed == {}
    with pytest.raises(TimeoutError):
        flights.land(0.01)
    tower.cleared[1].set()
    assert flights.land(5) == (first, True)
    until(lambda: flights.is_first_done)
    assert flights.land(0) == (second, True)
    assert tower.followed == {1: True, 2: True}
    assert (len(flights), flights.rows, flights.is_full, flights.first) == (0, 0, False, None)
    assert not flights.is_first_done
    flights.close()


def test_no_more_are_stored_at_once() -> None:
    """What takes off beyond those waits for a thread."""
    tower = Tower()
    flights = Flights(tower.store)
    for number in range(1, AT_ONCE + 2):
        flights.take_off(tower.batch(number))
    until(lambda: tower.flying == AT_ONCE)
    time.sleep(0.05)
    assert tower.most == AT_ONCE
    for each in tower.cleared.values():
        each.set()
    assert [flights.land(5)[0].generation for _ in range(AT_ONCE + 1)] == list(range(1, AT_ONCE + 2))
    assert tower.most == AT_ONCE
    flights.close()


def test_what_went_stale_or_failed_is_said_in_its_turn() -> None:
    """False for a stale batch, which the next one hears; what storing one raised comes out of landing it, and the next."""
    tower = Tower()
    flights = Flights(tower.store)
    for number in (7, 8, 13, 14):
        flights.take_off(tower.batch(number))
    for each in tower.cleared.values():
        each.set()
    assert [(batch.generation, is_stored) for batch, is_stored in (flights.land(5), flights.land(5))] == [
        (7, False),
        (8, True),
    ]
    for _ in range(2):
        with pytest.raises(OSError, match="lost"):
            flights.land(5)
    assert tower.followed == {7: True, 8: False}
    flights.close()
