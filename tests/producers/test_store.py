"""The store in memory."""

from __future__ import annotations

import pytest

from trailhouse.producers.settings import BufferSettings
from trailhouse.producers.store import MemoryStore, NoRoom

LARGEST = 256 * 1024


def test_room_is_bounded_by_count_and_bytes_and_returns_when_settled() -> None:
    """Taking is not settling."""
    store = MemoryStore(BufferSettings(events=2, bytes=LARGEST))
    store.append("1", b"1")
    store.append("2", b"2")
    with pytest.raises(NoRoom, match=r"2 events \(2 bytes\) wait for Kafka"):
        store.append("3", b"3")
    taken = store.take(1, 100)
    with pytest.raises(NoRoom):
        store.append("3", b"3")
    store.settle(taken)
    store.append("3", b"x" * (LARGEST - 1))
    with pytest.raises(NoRoom):
        store.append("4", b"4")


def test_it_is_not_durable_and_says_so() -> None:
    """Who closes or forks has to know."""
    store = MemoryStore(BufferSettings())
    assert not store.is_durable
    assert not store.has_more()
    store.append("1", b"1")
    assert store.has_more()
