"""`replaying`: what is sent again and what is left alone, decided from the bytes and this version's rules."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from tests.stream.factories import EVENT_ID, RECEIVED_MS, encoded

from trailhouse.deploy.replaying import NotTheSame, check_same, plan, would_become
from trailhouse.queries.rejected import Rejected
from trailhouse.sinks.letterbox import Original
from trailhouse.stream.letter import Place

NOW: Final = RECEIVED_MS


def row(offset: int, **changes: Any) -> Rejected:
    fields: dict[str, Any] = {
        "received_at": datetime(2026, 3, 1, tzinfo=UTC),
        "place": Place("e", 0, offset),
        "org": "acme",
        "reason": "internal",
        "detail": "",
        "size": 1,
        "digest": "",
        "replayed_at": None,
        "is_edited": False,
        "became": "",
    }
    return Rejected(**fields | changes)


def original(value: bytes | None) -> Original:
    return Original(b"key", value, (("trace", b"1"),))


def test_only_what_would_become_an_event_is_sent() -> None:
    """The rest is left alone with its reason; in the order in which they were received."""
    rows = [row(3), row(2, became="stored"), row(1), row(0)]
    originals = {
        Place("e", 0, 3): original(encoded()),
        Place("e", 0, 2): original(encoded()),
        Place("e", 0, 1): original(b"not JSON"),
    }
    decided = plan(rows, originals, now_ms=NOW)
    assert [place.offset for place in decided.send] == [3]
    assert decided.send[Place("e", 0, 3)].original == originals[Place("e", 0, 3)]
    assert {place.offset: why.split()[0] for place, why in decided.skip.items()} == {
        0: "gone:",
        1: "would",
        2: "replayed",
    }
    every = plan(rows, originals, now_ms=NOW, again=True, force=True)
    assert [place.offset for place in every.send] == [1, 2, 3]


def test_an_edited_file_takes_the_place_of_the_bytes() -> None:
    """With the key and headers that there were; also where the bytes are gone."""
    decided = plan([row(1)], {Place("e", 0, 1): original(b"x")}, now_ms=NOW, edited=encoded())
    (sent,) = decided.send.values()
    assert sent.is_edited
    assert sent.original == Original(b"key", encoded(), (("trace", b"1"),))
    assert plan([row(1)], {}, now_ms=NOW, edited=encoded()).send[Place("e", 0, 1)].original.value == encoded()
    assert not plan([row(1)], {}, now_ms=NOW, edited=encoded(action="")).send


def test_an_edited_file_is_the_same_event() -> None:
    """Of the same id and organisation, as far as the original can be read."""
    other = encoded(event_id=EVENT_ID.replace("0", "1"))
    check_same(row(1), original(encoded(action="")), encoded())
    check_same(row(1, org=""), original(b"not JSON"), other)
    with pytest.raises(NotTheSame, match="event_id"):
        check_same(row(1), original(encoded(action="")), other)
    with pytest.raises(NotTheSame, match="organisation"):
        check_same(row(1), original(encoded(action="")), encoded(org_id="globex"))
    with pytest.raises(NotTheSame, match="organisation"):
        check_same(row(1), None, b"not JSON")


def test_what_would_become_of_a_record_is_asked_of_the_rules() -> None:
    """Those of the worker, with the topic's organisations."""
    assert would_become(encoded(), NOW, None) == ""
    assert would_become(None, NOW, None) == "empty (no value)"
    assert would_become(encoded(), NOW, frozenset({"globex"})).startswith("org_denied")
    late = json.loads(encoded()) | {"occurred_at": "2026-03-02T11:00:00Z"}
    assert would_become(json.dumps(late).encode(), NOW, None).startswith("clock_skew")
    assert would_become(json.dumps(late).encode(), NOW + 3_600_000, None) == ""
