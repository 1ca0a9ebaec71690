"""Traces of a pipeline as it runs: a worker and a sink as processes, a collector that goes away, and personal data."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import orjson
from tests.roles import Role, running, wait_for
from tests.stream.factories import encoded
from tests.stream.otlp_collector import Sent, collecting

from trailhouse.producers.settings import KafkaSettings
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.settings import ClickHouseSettings

CANARY = "canary-person"
PERSONAL = {
    "actor_email": f"{CANARY}@leak.example",
    "actor_name": CANARY,
    "actor_ip": "203.0.113.77",
    "attributes": {"note": f"{CANARY}@leak.example"},
}
BAD = 5


def records(first: int, count: int) -> Iterable[bytes]:
    """Events about a person, and a few records that are none."""
    for number in range(first, first + count):
        yield encoded(event_id=f"01920f0e-7c5a-7b3e-8f43-{number:012}", **PERSONAL)
    for _ in range(BAD):
        yield f'{{"actor_email": "{CANARY}@leak.example"'.encode()


def ranges(spans: Iterable[Sent]) -> set[tuple[int, int]]:
    """Every raw offset (partition, offset) that they name."""
    texts = [text for span in spans for text in stretches(span)]
    found = [
        (int(partition), *map(int, ends.split("-")))
        for partition, _, ends in (t.partition("/") for t in texts)
    ]
    return {(partition, offset) for partition, first, last in found for offset in range(first, last + 1)}


def stretches(span: Sent) -> list[str]:
    if "trailhouse.ranges" in span.attributes:
        listed: list[str] = span.attributes["trailhouse.ranges"]
        return listed
    partition = span.attributes["messaging.destination.partition.id"]
    return [
        f"{partition}/{span.attributes['trailhouse.offset.first']}-{span.attributes['trailhouse.offset.last']}"
    ]


def said(role: Role) -> list[str]:
    """What its log has besides information, and what Kafka's clients say while their group forms."""
    lines = [orjson.loads(line) for line in role.log.read_text().splitlines()]
    told = [line for line in lines if line["level"] != "INFO"]
    return [line["message"] for line in told if not line["logger"].startswith(("kafka", "aiokafka"))]


def test_batches_are_spans_and_a_collector_that_dies_changes_nothing(
    kafka_settings: KafkaSettings, clickhouse_settings: ClickHouseSettings, database: Client, tmp_path: Path
) -> None:
    """One a batch, with its raw offsets and counts, and nothing of whom the events are about.

    Without the collector everything is stored as before, the roles stop as they should, and say one line of it.
    """
    from tests.e2e.pipeline import Pipeline
    from tests.sinks.rig import Rig

    pipeline = Pipeline(Rig(kafka_settings, clickhouse_settings, database, partitions=2), tmp_path)
    rig = pipeline.rig
    with collecting() as collector:
        environ = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_TIMEOUT": "0.2",
            "OTEL_BSP_SCHEDULE_DELAY": "50",
            "TRAILHOUSE_LOG_FORMAT": "json",
        }
        stream, sink = pipeline.worker("stream-1", **environ), pipeline.another_sink("sink-1", **environ)
        for partition in range(2):
            rig.produce(records(partition * 100, 100), partition, kafka_settings.raw_topic)
        everything = {(partition, offset) for partition in range(2) for offset in range(100 + BAD)}
        with running(stream, sink):
            names = f"process {kafka_settings.raw_topic}", "INSERT landing"
            wait_for(
                lambda: all(ranges(collector.named(name)) == everything for name in names),
                60,
                "a span of every batch",
                stream,
                sink,
            )
            for name in names:
                spans = collector.named(name)
                assert sum(span.attributes["trailhouse.events"] for span in spans) == 200
                assert sum(span.attributes["trailhouse.rejected"] for span in spans) == 2 * BAD
                assert len(spans) < 20
            assert {span.resource["service.name"] for span in collector.spans} == {
                "trailhouse-stream",
                "trailhouse-sink",
            }
            sent = b"".join(collector.bodies)
            assert CANARY.encode() not in sent
            assert b"203.0.113.77" not in sent
            collector.close()
            rig.produce(records(200, 100), 0, kafka_settings.raw_topic)
            wait_for(lambda: pipeline.is_settled(3 * (100 + BAD)), 60, "all stored", stream, sink)
            wait_for(lambda: bool(said(stream) and said(sink)), 30, "a line of it", stream, sink)
            assert (stream.terminate(20), sink.terminate(20)) == (0, 0)
    lost = f"spans are lost: {collector.url}/v1/traces does not take them; nothing waits for it"
    assert (said(stream), said(sink)) == ([lost], [lost])
    assert rig.balance().unaccounted == 0
