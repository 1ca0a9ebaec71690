"""Ids: minted in order of time, derived the same again."""

from __future__ import annotations

import os
import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trailhouse.producers.identity import derive_id, mint_id


@given(st.binary(min_size=10, max_size=10), st.integers(0, 2**48 - 1))
def test_minted_ids_are_uuid7_of_time_and_noise(noise: bytes, milliseconds: int) -> None:
    """The bits are where RFC 9562 wants them, whatever the noise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "urandom", lambda size: noise[:size])
        patch.setattr(time, "time_ns", lambda: milliseconds * 1_000_000)
        minted = uuid.UUID(mint_id())
    random = int.from_bytes(noise)
    assert (minted.version, minted.variant) == (7, uuid.RFC_4122)
    assert minted.int >> 80 == milliseconds
    assert (minted.int >> 64) & 0xFFF == random >> 68
    assert minted.int & (2**62 - 1) == random & (2**62 - 1)


def test_minted_ids_are_in_their_usual_spelling_and_distinct() -> None:
    """Ten thousand ids: all different, all canonical."""
    minted = [mint_id() for _ in range(10_000)]
    assert len(set(minted)) == 10_000
    assert all(str(uuid.UUID(each)) == each for each in minted)


def test_ids_minted_later_sort_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The millisecond leads."""
    moments = iter([1_000_000, 2_000_000, 3_000_000])
    monkeypatch.setattr(time, "time_ns", lambda: next(moments))
    minted = [mint_id() for _ in range(3)]
    assert minted == sorted(minted)


def test_derived_ids_are_stable_and_scoped() -> None:
    """The same foreign id gives the same UUIDv5 for one organisation, another for the next, for ever."""
    assert derive_id("acme", "42") == derive_id("acme", "42") == "6dc092a8-623f-59d8-8496-18f3af05a142"
    assert derive_id("acme", "42") != derive_id("other", "42")
    assert derive_id("acme", "4", "2") != derive_id("acme", "42")
    assert uuid.UUID(derive_id("acme", "42")).version == 5
