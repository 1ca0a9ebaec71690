"""Keys in memory: how old they may be."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from trailhouse.queries.errors import StorageUnavailable
from trailhouse.queries.key import Key, Scope, new_key
from trailhouse.queries.key_ring import RETRY_S, KeyRing

KEY, _ = new_key("demo", ["acme"], [Scope.ADMIN], now=datetime(2026, 1, 31, tzinfo=UTC))


class Store:
    """Keys that may be away; reading takes `takes` seconds of the clock."""

    def __init__(self) -> None:
        self.now, self.takes, self.reads = 1000.0, 0.0, 0
        self.keys: dict[str, Key] = {KEY.key_id: KEY}
        self.is_away = False

    def load(self) -> Mapping[str, Key]:
        self.reads += 1
        self.now += self.takes
        if self.is_away:
            raise StorageUnavailable("away")
        return dict(self.keys)

    def ring(self) -> KeyRing:
        return KeyRing(self.load, ttl_s=5, grace_s=60, clock=lambda: self.now)


def test_keys_are_read_once_in_a_while() -> None:
    """Not current before the first reading, current for its time, then read again."""
    store = Store()
    ring = store.ring()
    assert not ring.is_current
    ring.refresh()
    ring.refresh()
    store.now += 4.9
    assert ring.is_current
    assert (ring.find(KEY.key_id), store.reads) == (KEY, 1)
    store.now += 0.1
    assert not ring.is_current
    store.keys.clear()
    ring.refresh()
    assert (ring.find(KEY.key_id), store.reads) == (None, 2)


def test_their_age_counts_from_the_question() -> None:
    """What is revoked while a slow answer is under way may not be in it."""
    store = Store()
    store.takes = 4.0
    ring = store.ring()
    ring.refresh()
    assert ring.is_current
    store.now += 1.0
    assert not ring.is_current


def test_while_the_store_is_away_the_last_keys_go_on_for_a_while() -> None:
    """Asked again every second only; after the grace time nobody gets in."""
    store = Store()
    ring = store.ring()
    ring.refresh()
    store.is_away = True
    store.now += 5
    ring.refresh()
    assert (ring.is_current, ring.find(KEY.key_id), store.reads) == (True, KEY, 2)
    store.now += RETRY_S
    assert not ring.is_current
    ring.refresh()
    assert store.reads == 3
    store.now += 60
    assert not ring.is_current
    with pytest.raises(StorageUnavailable):
        ring.refresh()
    with pytest.raises(StorageUnavailable, match="API keys cannot be read"):
        ring.refresh()
    assert store.reads == 4
    store.is_away = False
    store.now += RETRY_S
    ring.refresh()
    assert ring.is_current


def test_they_can_be_read_sooner() -> None:
    """For a key nobody knows; while the store is away such a key is neither good nor bad."""
    store = Store()
    ring = store.ring()
    ring.refresh()
    store.now += 1.5
    other, _ = new_key("demo", ["acme"], [Scope.ADMIN], now=datetime(2026, 1, 31, tzinfo=UTC))
    store.keys[other.key_id] = other
    ring.refresh(2.0)
    assert (ring.find(other.key_id), ring.age_s) == (None, 1.5)
    ring.refresh(1.0)
    assert (ring.find(other.key_id), ring.age_s) == (other, 0)
    store.is_away = True
    store.now += 1.5
    ring.refresh(1.0)
    assert ring.find(KEY.key_id) == KEY
    with pytest.raises(StorageUnavailable):
        ring.find("unknown")


def test_without_a_first_reading_nobody_gets_in() -> None:
    """There is nothing to go on with."""
    store = Store()
    store.is_away = True
    with pytest.raises(StorageUnavailable):
        store.ring().refresh()
