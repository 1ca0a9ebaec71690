"""The agent of Faust's own tutorial: `async for` over the stream, one `send` for each event.

No table, no web server; with a second argument `tuned` also producer settings that make it faster: lz4, batches of a
megabyte instead of 16 KB, 10 ms of patience.
"""

from __future__ import annotations

import sys
from typing import Any

import faust
from bench.enrich_one import enrich_one
from bench.wiring import read_wiring

if __name__ == "__main__":
    wiring = read_wiring()
    tuned: dict[str, Any] = {
        "producer_compression_type": "lz4",
        "producer_max_batch_size": 1 << 20,
        "producer_linger": 0.01,
    }
    app = faust.App(
        wiring.group,
        broker=f"kafka://{wiring.bootstrap}",
        datadir=wiring.folder,
        consumer_auto_offset_reset="earliest",
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        **(tuned if sys.argv[2:] == ["tuned"] else {}),
    )
    raw = app.topic(wiring.raw, value_serializer="raw", key_serializer="raw")
    enriched = app.topic(wiring.enriched, value_serializer="raw", key_serializer="raw")

    @app.agent(raw)
    async def enrich(stream: faust.StreamT[bytes]) -> None:
        async for event in stream.events():
            message = event.message
            line = enrich_one(
                wiring.epoch,
                message.partition,
                message.offset,
                int(message.timestamp * 1000),
                message.value,
            )
            await enriched.send(value=line, partition=message.partition)

    faust.Worker(app, loglevel="WARN", quiet=True, redirect_stdouts=False).execute_from_commandline()
