"""bytewax doing the same enrichment: its Kafka operators around one `map`; batches of 5 000 instead of 1 000, a single worker.

It keeps no offsets without a recovery store, which this run does not give it: less work than the others do.
"""

from __future__ import annotations

import bytewax.operators as op
from bench.enrich_one import enrich_one
from bench.wiring import read_wiring
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSourceMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.testing import cluster_main
from confluent_kafka import OFFSET_BEGINNING

BATCH = 5000

if __name__ == "__main__":
    wiring = read_wiring()

    def enrich(message: KafkaSourceMessage[bytes, bytes]) -> KafkaSinkMessage[None, bytes]:
        stamp = message.timestamp[1] if message.timestamp else 0
        line = enrich_one(wiring.epoch, message.partition or 0, message.offset or 0, stamp, message.value)
        return KafkaSinkMessage(None, line)

    flow = Dataflow("enrich")
    raw = kop.input(
        "raw",
        flow,
        brokers=[wiring.bootstrap],
        topics=[wiring.raw],
        tail=True,
        starting_offset=OFFSET_BEGINNING,
        batch_size=BATCH,
    )
    enriched = op.map("enrich", raw.oks, enrich)
    kop.output(
        "enriched",
        enriched,
        brokers=[wiring.bootstrap],
        topic=wiring.enriched,
        add_config={"acks": "all", "compression.type": "lz4"},
    )
    cluster_main(flow, [], 0)
