"""Batches under way land in the order they took off, however long each takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from trailhouse.sinks.batch import Batch
from trailhouse.sinks.flights import AT_ONCE, Flights

STALE, FAILING = 7, 13


class Tower:
    """Lets each batch (known by its number of rows) land when told to, and knows which were stored at the same time."""

    def __init__(self) -> None:
        self.cleared: dict[int, threading.Event] = {}
        self.followed: dict[int, bool] = {}
        self.flying, self.most = 0, 0
        self._lock = threading.Lock()

    def batch(self, rows: int, generation: int = 1) -> Batch:
        self.cleared[rows] = threading.Event()
        return Batch(generation, time.monotonic(), lines=[b"{}"] * rows)

    def store(self, batch: Batch, is_stored_before: Callable[[], bool]) -> bool:
        number = len(batch.lines)
        with self._lock:
            self.flying += 1
            self.most = max(self.most, self.flying)
        self.cleared[number].wait(10)
        with self._lock:
            self.flying -= 1
        if number == FAILING:
            raise OSError("lost")
        if number == STALE:
            return False
        self.followed[number] = is_stored_before()
        return self.followed[number]


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
    assert [len(flights.land(5)[0].lines) for _ in range(AT_ONCE + 1)] == list(range(1, AT_ONCE + 2))
    assert tower.most == AT_ONCE
    flights.close()


@pytest.mark.parametrize("generation", [1, 2])
def test_only_batches_of_one_assignment_build_on_each_other(generation: int) -> None:
    """What follows a stale batch is not stored either, unless it was read anew from the committed pair."""
    tower = Tower()
    flights = Flights(tower.store)
    flights.take_off(tower.batch(STALE))
    flights.take_off(tower.batch(8, generation))
    flights.take_off(tower.batch(9, generation))
    for each in tower.cleared.values():
        each.set()
    is_anew = generation == 2
    assert [flights.land(5)[1] for _ in range(3)] == [False, is_anew, is_anew]
    assert tower.followed == {8: is_anew, 9: is_anew}
    flights.close()


@pytest.mark.parametrize("generation", [1, 2])
def test_what_failed_is_said_in_its_turn(generation: int) -> None:
    """What storing a batch raised comes out of landing it, after those before it, and out of those that build on it."""
    tower = Tower()
    flights = Flights(tower.store)
    flights.take_off(tower.batch(1))
    flights.take_off(tower.batch(FAILING))
    flights.take_off(tower.batch(2, generation))
    for each in tower.cleared.values():
        each.set()
    assert flights.land(5)[1]
    with pytest.raises(OSError, match="lost"):
        flights.land(5)
    until(lambda: tower.followed.keys() == ({1, 2} if generation == 2 else {1}))
    flights.close()


def test_closed_none_begins_that_waited() -> None:
    """Those under way go on, for nobody waits for them."""
    tower = Tower()
    flights = Flights(tower.store)
    for number in range(1, AT_ONCE + 2):
        flights.take_off(tower.batch(number))
    until(lambda: tower.flying == AT_ONCE)
    flights.close()
    for each in tower.cleared.values():
        each.set()
    until(lambda: tower.flying == 0)
    time.sleep(0.05)
    assert set(tower.followed) == set(range(1, AT_ONCE + 1))
