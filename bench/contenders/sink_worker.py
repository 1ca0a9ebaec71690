"""The sink as shipped; what the environment says of its batches (`TRAILHOUSE_SINK_BATCH_…`) is tried out."""

from __future__ import annotations

import os
from dataclasses import replace

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
        replace(
            SinkSettings.from_env(os.environ),
            kafka=kafka,
            clickhouse=ClickHouseSettings(dsn=Secret(wiring.clickhouse)),
            group=wiring.group,
        )
    )
