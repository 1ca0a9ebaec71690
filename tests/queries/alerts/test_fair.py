"""Organisations share threads fairly."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError

import pytest
from tests.queries.alerts.receivers import wait_for

from trailhouse.queries.alerts.fair import FairPool


def test_one_organisations_slow_work_keeps_no_other_waiting() -> None:
    """However much of it there is, and whenever it came; a pool that takes work as it comes would not begin the other's."""
    pool, ended = FairPool(4, 2, "test"), threading.Event()
    slow = [pool.submit("slow", lambda: ended.wait(60)) for _ in range(50)]
    wait_for(lambda: sum(each.running() for each in slow) == 2)
    assert pool.submit("quick", lambda: "done").result(60) == "done"
    assert sum(each.running() for each in slow) == 2
    ended.set()
    assert all(each.result(60) for each in slow)
    pool.close()


def test_who_has_the_fewest_at_work_is_next() -> None:
    """Where all threads are busy, the next that is free goes to whoever has none, not to whoever asked first."""
    pool, order = FairPool(1, 1, "test"), list[str]()
    begun, ended = threading.Event(), threading.Event()

    def first() -> None:
        begun.set()
        ended.wait(60)

    pool.submit("a", first)
    begun.wait(60)
    waiting = [pool.submit(org, lambda org=org: order.append(org)) for org in ("a", "a", "a", "b", "c", "b")]  # type: ignore[misc] # bound now
    ended.set()
    for each in waiting:
        each.result(60)
    assert order == ["a", "b", "c", "a", "b", "a"]
    pool.close()


def test_what_fails_is_told_to_whoever_asks_and_what_waits_is_cancelled() -> None:
    """A thread outlives what it does."""
    pool, ended = FairPool(1, 1, "test"), threading.Event()
    with pytest.raises(ZeroDivisionError):
        pool.submit("a", lambda: 1 / 0).result(60)
    under_way = pool.submit("a", lambda: ended.wait(60))
    wait_for(under_way.running)
    waits = pool.submit("a", lambda: True)
    pool.close()
    with pytest.raises(CancelledError):
        waits.result(60)
    ended.set()
    assert under_way.result(60)
