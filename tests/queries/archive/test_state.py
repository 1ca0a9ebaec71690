"""What was decided: archived without what people wrote beside it, and restored without overruling what was decided since."""

from __future__ import annotations

import gzip

import pytest
from tests.queries.archive.conftest import empty

from trailhouse.queries.archive.errors import ArchiveBroken
from trailhouse.queries.archive.packed import pack
from trailhouse.queries.archive.state import BY, SHARE, TABLES, decode_state, read_state, write_state
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.hold import holds, place
from trailhouse.sinks.retention import Policy, days_kept, policies, set_policy


def test_decisions_survive_and_later_ones_win(database: Client) -> None:
    """Holds stand again, by the archive; a retention that was changed since stays as it is."""
    held = place(database, "acme", [7, 2**63 + 1], reason="canary", placed_by="canary")
    set_policy(database, Policy("acme", "events", 30, "canary"))
    content = read_state(database)
    assert content == read_state(database)
    state = decode_state(content, "s")
    assert set(state) == set(TABLES)
    assert "canary" not in str(state)
    assert write_state(database, state) == 0
    set_policy(database, Policy("acme", "events", 60, "me"))
    write_state(database, state)
    assert days_kept(policies(database), "acme", "events") == 60
    empty(database)
    assert write_state(database, state) == 2
    (found,) = holds(database, "acme")
    assert (found.hold_id, found.user_refs, found.placed_by) == (held.hold_id, held.user_refs, BY)
    assert found.is_standing
    assert days_kept(policies(database), "acme", "events") == 30


@pytest.mark.parametrize(
    "content",
    [b"", b"no gzip", gzip.compress(b"[]", mtime=0), gzip.compress(b"{}", mtime=0)[:-9]],
    ids=["empty", "other", "a list", "cut"],
)
def test_what_cannot_be_read_is_said(content: bytes) -> None:
    """As of any other file of the archive."""
    with pytest.raises(ArchiveBroken, match="s cannot be"):
        decode_state(content, "s")


def test_what_is_read_at_once_has_a_narrower_bound() -> None:
    """What was decided takes many times its size in memory."""
    content = pack(b'{"lost": [' + b"{}," * 1000 + b"{}]}")
    assert len(decode_state(content, "s", 4096 * SHARE)["lost"]) == 1001
    with pytest.raises(ArchiveBroken, match="at most 1,024 bytes are read"):
        decode_state(content, "s", 1024 * SHARE)
