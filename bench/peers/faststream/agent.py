"""FastStream over confluent-kafka doing the same enrichment: its batches in, its batches out, as its page on batching says.

A batch is acknowledged after its handler returned, so at least once, as the others.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from bench.enrich_one import enrich_one
from bench.wiring import read_wiring
from faststream import AckPolicy, FastStream
from faststream.confluent import KafkaBroker, KafkaMessage

BATCH = 5000

if __name__ == "__main__":
    wiring = read_wiring()
    broker = KafkaBroker(
        wiring.bootstrap,
        acks="all",
        compression_type="lz4",
        linger_ms=5,
        logger=None,
        log_level=logging.WARNING,
    )

    async def body(message: Any) -> Any:
        """The bytes as they are: the enrichment decodes them."""
        return message.body

    @broker.subscriber(  # type: ignore[untyped-decorator]  # not installed here
        wiring.raw,
        group_id=wiring.group,
        auto_offset_reset="earliest",
        batch=True,
        max_records=BATCH,
        ack_policy=AckPolicy.ACK,
        decoder=body,
    )
    async def enrich(message: KafkaMessage) -> None:
        lines = [
            enrich_one(wiring.epoch, each.partition(), each.offset(), each.timestamp()[1], each.value())
            for each in message.raw_message
        ]
        await broker.publish_batch(*lines, topic=wiring.enriched)

    asyncio.run(FastStream(broker, logger=None).run())
