"""Dead letters of poison rows: on the topic when `bury` returns, over one connection however many threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaError
from tests.sinks.lines import enriched, event
from tests.sinks.rig import Rig

from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks import burial
from trailhouse.sinks.burial import Burial
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.head import read_heads
from trailhouse.sinks.settings import ClickHouseSettings


@pytest.fixture
def rig(kafka_settings: KafkaSettings, database: Client, clickhouse_settings: ClickHouseSettings) -> Rig:
    return Rig(kafka_settings, clickhouse_settings, database)


def test_two_threads_bury_over_one_connection(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two batches under way may each hold a row that is refused."""
    opened = []
    make = KafkaProducer

    def counted(**options: object) -> object:
        opened.append(make(**options))
        return opened[-1]

    monkeypatch.setattr(burial, "KafkaProducer", counted)
    lines = enriched([event(n) for n in range(8)], epoch=rig.epoch)
    letters = Burial(rig.kafka)
    with ThreadPoolExecutor(2) as threads:
        buried = [
            threads.submit(letters.bury, head, line, "ClickHouse code 6")
            for head, line in zip(read_heads(lines), lines, strict=True)
            if head is not None
        ]
    assert [each.result() for each in buried] == [None] * 8
    (producer,) = opened
    producer.close()
    found = rig.read_all(rig.kafka.rejected_topic)
    assert sorted(each.value for each in found) == sorted(lines)
    assert {each.key.decode() for each in found} == {f"{rig.epoch}/0/{n}" for n in range(8)}


def test_what_kafka_refuses_is_raised(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nothing of the batch is committed."""
    monkeypatch.setattr(burial, "LETTER_BYTES_MAX", 200)
    (line,) = enriched([event(1)], epoch=rig.epoch)
    (head,) = read_heads([line])
    assert head is not None
    with pytest.raises(KafkaError):
        Burial(rig.kafka).bury(head, line, "ClickHouse code 6")
