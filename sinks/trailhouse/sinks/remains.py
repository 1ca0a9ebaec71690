"""Where copies of what was erased remain, and until when at the latest: the topics, spools and backups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from trailhouse.producers.settings import KafkaSettings
from trailhouse.stream.topics import Keeping


@dataclass(frozen=True, slots=True)
class Remainder:
    """One place: what lies there, and when the last of it is gone by itself; `until` None = see `note`."""

    where: str
    until: datetime | None
    note: str


def remainders(
    kafka: KafkaSettings, keeping: Mapping[str, Keeping], now: datetime, backup_days: int | None
) -> list[Remainder]:
    """Every place outside the tables, for a person erased at `now`; `backup_days` None = nobody said."""
    topics = (
        (kafka.raw_topic, "events as producers sent them"),
        (kafka.enriched_topic, "events on their way to the tables"),
        (kafka.rejected_topic, "dead letters: records that could not become events, as they were sent"),
    )
    return [
        *(_of_topic(name, note, keeping[name], now) for name, note in topics),
        Remainder(
            "spools of producers",
            None,
            "what Kafka has not confirmed yet; a delivered event leaves the spool at once",
        ),
        _of_backups(now, backup_days),
    ]


def _of_topic(name: str, note: str, keeping: Keeping, now: datetime) -> Remainder:
    until = keeping.gone_by(now)
    if until is None:
        note += "; kept for ever: give the topic a retention.ms"
    return Remainder(f"topic {name}", until, note)


def _of_backups(now: datetime, days: int | None) -> Remainder:
    if days is None:
        return Remainder(
            "backups",
            None,
            "yours; say how long you keep them: trailhouse retention set --org ORG --class backups --days 30",
        )
    return Remainder("backups", now + timedelta(days=days), f"made until now, kept for {days} days")
