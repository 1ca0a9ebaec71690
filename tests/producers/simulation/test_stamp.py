from __future__ import annotations

import uuid
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from trailhouse.producers.moment import write_milliseconds
from trailhouse.producers.simulation.luck import Luck
from trailhouse.producers.simulation.stamp import write_id, write_time


@given(st.integers(0, 4_000_000_000_000))
def test_times_are_written_as_the_contract_has_them(milliseconds: int) -> None:
    """Letter for letter."""
    assert write_time(milliseconds) == write_milliseconds(milliseconds)


def test_ids_are_uuids_of_their_moment() -> None:
    """Version 7: sorted by time, and the same from the same luck."""
    at = int(datetime(2026, 3, 31, tzinfo=UTC).timestamp() * 1000)
    found = uuid.UUID(write_id(at, Luck("x")))
    assert (found.version, found.variant) == (7, uuid.RFC_4122)
    assert found.int >> 80 == at
    assert str(found) == write_id(at, Luck("x"))
    luck = Luck("x")
    assert len({write_id(at, luck) for _ in range(1000)}) == 1000
