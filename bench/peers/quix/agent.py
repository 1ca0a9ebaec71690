"""quixstreams doing the same enrichment: `apply` on a dataframe, then `to_topic`; its defaults, at least once."""

from __future__ import annotations

from typing import Any

from bench.enrich_one import enrich_one
from bench.wiring import read_wiring
from quixstreams import Application, message_context

if __name__ == "__main__":
    wiring = read_wiring()
    app = Application(
        broker_address=wiring.bootstrap,
        consumer_group=wiring.group,
        auto_offset_reset="earliest",
        state_dir=wiring.folder,
        auto_create_topics=False,
        loglevel="WARNING",
        producer_extra_config={"compression.type": "lz4"},
    )
    raw = app.topic(wiring.raw, value_deserializer="bytes", key_deserializer="bytes")
    enriched = app.topic(wiring.enriched, value_serializer="bytes", key_serializer="bytes")

    def enrich(value: bytes, key: Any, timestamp: int, headers: Any) -> bytes:
        record = message_context()
        return enrich_one(wiring.epoch, record.partition, record.offset, timestamp, value)

    app.dataframe(raw).apply(enrich, metadata=True).to_topic(enriched)
    app.run()
