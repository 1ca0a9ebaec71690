"""Legal holds: who they cover, and that they end once and for all."""

from __future__ import annotations

import pytest

from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.errors import Held, HoldUnknown
from trailhouse.sinks.hold import holds, place, refuse_if_held, release


def test_holds_are_placed_listed_and_released(database: Client) -> None:
    """A person's covers that person, an organisation's everybody in it; a released one nobody, and it stays listed."""
    one = place(database, "acme", [7, 9], reason="case 1", placed_by="legal")
    refuse_if_held(database, "acme", [8])
    refuse_if_held(database, "beta", [7])
    refuse_if_held(database, "acme", [])
    with pytest.raises(Held, match=r"case 1") as held:
        refuse_if_held(database, "acme", [8, 9])
    assert (held.value.hold_id, held.value.exit_code) == (one.hold_id, 4)
    every = place(database, "beta", [], reason="case 2", placed_by="legal")
    with pytest.raises(Held):
        refuse_if_held(database, "beta", [])
    assert [each.hold_id for each in holds(database)] == [one.hold_id, every.hold_id]
    assert holds(database, "acme") == [one]

    ended = release(database, one.hold_id, reason="settled", released_by="boss")
    refuse_if_held(database, "acme", [7, 9])
    assert holds(database, "acme") == [ended]
    assert (ended.reason, ended.release_reason, ended.released_by) == ("case 1", "settled", "boss")
    assert not ended.is_standing
    for hold_id in (one.hold_id, "nope"):
        with pytest.raises(HoldUnknown):
            release(database, hold_id, reason="again", released_by="boss")
