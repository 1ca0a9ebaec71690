"""Erasing somebody while the pipeline runs on: the topics still name her, the tables never do again, the books balance."""

from __future__ import annotations

import dataclasses
import os
import uuid

import orjson
import pytest
from tests.deploy.commands.elsewhere import point_at
from tests.queries.recording import Recorded
from tests.sinks.lines import enriched
from tests.sinks.people import ANNA, CANARIES, EVENTS, texts, totals
from tests.sinks.rig import Rig, drive, sinking

from trailhouse.deploy.cli import run
from trailhouse.producers.settings import KafkaSettings
from trailhouse.queries import self_audit
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.settings import ClickHouseSettings


def test_a_replay_of_the_whole_log_brings_nobody_back(
    kafka_settings: KafkaSettings,
    clickhouse_settings: ClickHouseSettings,
    database: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From the enriched topic's first record, by another group, beside a sink that goes on: counts and proofs stay."""
    monkeypatch.setattr(self_audit, "open_self_audit", lambda *_, **__: Recorded().audit)
    point_at(monkeypatch, clickhouse_settings, kafka_settings)
    rig = Rig(kafka_settings, clickhouse_settings, database)
    events = [*EVENTS, *(each | {"event_id": str(uuid.uuid4())} for each in EVENTS)]
    rig.produce([orjson.dumps(each) for each in events], topic=kafka_settings.raw_topic)
    lines = enriched(events, epoch=rig.epoch)
    half = len(EVENTS)
    with sinking(rig) as (sink, _):
        rig.produce(lines[:half])
        drive(sink, lambda: rig.committed()[0] == half, "the first half is in every table", 90)
        before = totals(database)
        assert all(each in texts(database) for each in CANARIES)
        assert run(["erase", "--org", "acme", "--user", ANNA], os.environ) == 0
        assert not any(each in texts(database) for each in CANARIES)
        assert totals(database) == before
        rig.produce(lines[half:])
        drive(sink, lambda: rig.committed()[0] == len(lines), "the rest is in every table", 90)
    assert not any(each in texts(database) for each in CANARIES)
    assert rig.balance().is_closed

    before = totals(database)
    again = dataclasses.replace(rig, group=f"again-{uuid.uuid4().hex[:8]}")
    with sinking(again) as (sink, _):
        drive(sink, lambda: again.committed()[0] == len(lines), "the replay is committed", 90)
    database.command("OPTIMIZE TABLE event_pii FINAL")
    assert any(ANNA.encode() in record.value for record in rig.read_all(kafka_settings.enriched_topic))
    assert not any(each in texts(database) for each in CANARIES)
    assert totals(database) == before
    for each in (rig, again):
        books = each.balance()
        assert (books.is_closed, books.stored, books.in_flight) == (True, len(lines), 0)
