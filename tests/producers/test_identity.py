"""Ids: minted in order of time, derived the same again."""

from __future__ import annotations

import os
import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.own_thread import stand_in

from trailhouse.producers import identity
from trailhouse.producers.identity import derive_id, mint_id


@given(st.binary(min_size=10, max_size=10), st.integers(0, 2**48 - 1))
def test_minted_ids_are_uuid7_of_time_and_noise(noise: bytes, milliseconds: int) -> None:
    """The bits are where RFC 9562 wants them, whatever the noise."""
    identity._noise.clear()
    with pytest.MonkeyPatch.context() as patch:
        stand_in(patch, os, "urandom", lambda size: noise * (size // 10))
        stand_in(patch, time, "time_ns", lambda: milliseconds * 1_000_000)
        minted = uuid.UUID(mint_id())
    identity._noise.clear()
    digits = noise.hex()
    assert (minted.version, minted.variant) == (7, uuid.RFC_4122)
    assert minted.int >> 80 == milliseconds
    assert (minted.int >> 64) & 0xFFF == int(digits[:3], 16)
    assert minted.int & (2**62 - 1) == int(digits[3:19], 16) & (2**62 - 1)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_mints_other_ids() -> None:
    """What is ready made stays with the parent: both mint in the same millisecond."""
    mint_id()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, "".join(mint_id(0) for _ in range(20)).encode())
        os._exit(0)
    mine = [mint_id(0) for _ in range(20)]
    os.waitpid(child, 0)
    theirs = os.read(read, 20 * 36).decode()
    os.close(read)
    os.close(write)
    assert len(theirs) == 20 * 36
    assert not {theirs[at : at + 36] for at in range(0, len(theirs), 36)} & set(mine)


def test_minted_ids_are_in_their_usual_spelling_and_distinct() -> None:
    """Ten thousand ids: all different, all canonical."""
    minted = [mint_id() for _ in range(10_000)]
    assert len(set(minted)) == 10_000
    assert all(str(uuid.UUID(each)) == each for each in minted)


def test_ids_minted_later_sort_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The millisecond leads."""
    moments = iter([1_000_000, 2_000_000, 3_000_000])
    stand_in(monkeypatch, time, "time_ns", lambda: next(moments))
    minted = [mint_id() for _ in range(3)]
    assert minted == sorted(minted)


def test_derived_ids_are_stable_and_scoped() -> None:
    """The same foreign id gives the same UUIDv5 for one organisation, another for the next, for ever."""
    assert derive_id("acme", "42") == derive_id("acme", "42") == "6dc092a8-623f-59d8-8496-18f3af05a142"
    assert derive_id("acme", "42") != derive_id("other", "42")
    assert derive_id("acme", "4", "2") != derive_id("acme", "42")
    assert uuid.UUID(derive_id("acme", "42")).version == 5
