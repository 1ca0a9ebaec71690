"""Where copies remain, and until when at the latest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks.remains import remainders
from trailhouse.stream.topics import Keeping

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def test_every_place_and_its_end() -> None:
    """A topic's end counts the segment that must fill first; for ever is said, and so are backups nobody spoke of."""
    kafka = KafkaSettings()
    keeping = {
        kafka.raw_topic: Keeping(timedelta(days=7), timedelta(days=1)),
        kafka.enriched_topic: Keeping(timedelta(days=2), timedelta(hours=1)),
        kafka.rejected_topic: Keeping(None, timedelta(days=7)),
    }
    raw, enriched, rejected, spools, backups = remainders(kafka, keeping, NOW, None)
    assert raw.until == NOW + timedelta(days=8, minutes=6)
    assert enriched.until == NOW + timedelta(days=2, hours=1, minutes=6)
    assert (rejected.until, spools.until, backups.until) == (None, None, None)
    assert "for ever" in rejected.note
    assert "trailhouse retention set" in backups.note
    assert remainders(kafka, keeping, NOW, 30)[-1].until == NOW + timedelta(days=30)
