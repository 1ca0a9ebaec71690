"""The whole path as a user of quixstreams and clickhouse-connect builds it: `apply`, and a `BatchingSink` that inserts.

The same enrichment, the same rows into the same landing table and views, with the same insert settings; at least once.
"""

from __future__ import annotations

from typing import Any

import clickhouse_connect
from bench.enrich_one import enrich_one
from bench.wiring import read_wiring
from quixstreams import Application, message_context
from quixstreams.sinks import BatchingSink, SinkBatch

from trailhouse.sinks.clickhouse import INSERT_SETTINGS

ROWS = 20_000
COMMIT_EVERY_S = 1.0


class ClickHouseSink(BatchingSink):  # type: ignore[misc]  # not installed here
    def __init__(self, dsn: str) -> None:
        super().__init__()
        self._client: Any = clickhouse_connect.get_client(dsn=dsn, autogenerate_session_id=False)

    def write(self, batch: SinkBatch) -> None:
        for chunk in batch.iter_chunks(ROWS):
            block = b"\n".join(item.value for item in chunk)
            self._client.raw_insert(
                "landing", insert_block=block, settings=dict(INSERT_SETTINGS), fmt="JSONEachRow"
            )


if __name__ == "__main__":
    wiring = read_wiring()
    app = Application(
        broker_address=wiring.bootstrap,
        consumer_group=wiring.group,
        auto_offset_reset="earliest",
        state_dir=wiring.folder,
        auto_create_topics=False,
        loglevel="WARNING",
        commit_interval=COMMIT_EVERY_S,
    )
    raw = app.topic(wiring.raw, value_deserializer="bytes", key_deserializer="bytes")

    def enrich(value: bytes, key: Any, timestamp: int, headers: Any) -> bytes:
        record = message_context()
        return enrich_one(wiring.epoch, record.partition, record.offset, timestamp, value)

    app.dataframe(raw).apply(enrich, metadata=True).sink(ClickHouseSink(wiring.clickhouse))
    app.run()
