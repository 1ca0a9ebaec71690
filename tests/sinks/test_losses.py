"""The list behind `trailhouse gap`, where nothing is missing; what is missing is tested with the sink (`test_gap.py`)."""

from __future__ import annotations

import pytest

from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.errors import RangeRefused
from trailhouse.sinks.losses import LOST, accept, accepted_losses, losses
from trailhouse.stream.gaps import Range
from trailhouse.stream.topics import create_topics


def test_nothing_missing(database: Client, kafka_settings: KafkaSettings) -> None:
    """An empty list, and nothing to accept."""
    create_topics(kafka_settings, 1)
    assert losses(kafka_settings, database, "nobody") == []
    with pytest.raises(RangeRefused) as refused:
        accept(kafka_settings, database, "nobody", Range("e", 0, 1, 2), reason="x", accepted_by="me")
    assert "there is none now" in refused.value.hint


def test_accepted_losses_are_listed_by_place(database: Client) -> None:
    """Accepted twice is one loss, with the latest reason."""
    columns = ["epoch", "partition", "first", "last", "reason", "accepted_by"]
    for row in (["e", 1, 5, 9, "late", "b"], ["e", 0, 7, 7, "disk", "a"], ["e", 1, 5, 9, "later", "c"]):
        database.insert("lost", [row], column_names=columns)
    found = accepted_losses(database)
    assert [(each.range, each.state, each.reason, each.accepted_by) for each in found] == [
        (Range("e", 0, 7, 7), LOST, "disk", "a"),
        (Range("e", 1, 5, 9), LOST, "later", "c"),
    ]
    assert all(each.accepted_at for each in found)
