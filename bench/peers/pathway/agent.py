"""Pathway doing the same enrichment: its Kafka connectors around one user-defined function, as its Kafka tutorial has it.

One thread, as it starts without being told otherwise.
"""

from __future__ import annotations

from typing import Any

import pathway as pw
from bench.enrich_one import enrich_one
from bench.wiring import read_wiring

if __name__ == "__main__":
    wiring = read_wiring()
    settings = {
        "bootstrap.servers": wiring.bootstrap,
        "group.id": wiring.group,
        "auto.offset.reset": "earliest",
        "compression.type": "lz4",
        "acks": "all",
    }

    @pw.udf(deterministic=True)  # type: ignore[untyped-decorator]  # not installed here
    def enrich(value: bytes, metadata: pw.Json) -> bytes:
        place: Any = metadata.value
        return enrich_one(
            wiring.epoch, place["partition"], place["offset"], place["timestamp_millis"] or 0, value
        )

    raw = pw.io.kafka.read(
        settings, topic=wiring.raw, format="raw", with_metadata=True, autocommit_duration_ms=100
    )
    enriched = raw.select(line=enrich(raw.data, raw._metadata))
    pw.io.kafka.write(enriched, settings, topic_name=wiring.enriched, format="raw")
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)
