"""The sink as shipped."""

from __future__ import annotations

from bench.wiring import read_wiring

from trailhouse.producers.settings import KafkaSettings, Secret
from trailhouse.sinks.settings import ClickHouseSettings, SinkSettings
from trailhouse.sinks.worker import run

if __name__ == "__main__":
    wiring = read_wiring()
    kafka = KafkaSettings(
        bootstrap=wiring.bootstrap,
        raw_topic=wiring.raw,
        enriched_topic=wiring.enriched,
        rejected_topic=wiring.rejected,
    )
    run(
        SinkSettings(
            kafka=kafka, clickhouse=ClickHouseSettings(dsn=Secret(wiring.clickhouse)), group=wiring.group
        )
    )
