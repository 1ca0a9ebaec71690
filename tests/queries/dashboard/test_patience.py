"""Waiting no longer than a person does."""

from __future__ import annotations

import threading

import pytest

from trailhouse.queries.dashboard.patience import within
from trailhouse.stream.correlation import about, current


def test_what_hangs_is_left_alone() -> None:
    """What comes in time is given on, with its error."""
    gate = threading.Event()
    with pytest.raises(TimeoutError):
        within(0.05, gate.wait)
    gate.set()
    assert within(5, lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 / 0)


def test_it_is_done_on_behalf_of_the_same_request() -> None:
    """What the thread says is found with the request's id."""
    with about("r-1"):
        assert within(5, current) == "r-1"
