"""Raw records into one plain table as they are: enriches nothing, checks nothing, keeps no books. What a path can cost at least.

confluent-kafka reads, clickhouse-connect inserts; an offset is committed after its insert.
"""

from __future__ import annotations

import time
from typing import Any

import clickhouse_connect
from bench.wiring import read_wiring
from confluent_kafka import Consumer

ROWS = 20_000
#: The last rows fill no batch: less patience, and its rate is not that of waiting.
WAIT_S = 0.5
SETTINGS = {
    "async_insert": 0,
    "input_format_skip_unknown_fields": 1,
    "input_format_allow_errors_ratio": 1,  # it checks nothing: what cannot be parsed is gone
}

if __name__ == "__main__":
    wiring = read_wiring()
    client: Any = clickhouse_connect.get_client(dsn=wiring.clickhouse, autogenerate_session_id=False)
    consumer = Consumer(
        {
            "bootstrap.servers": wiring.bootstrap,
            "group.id": wiring.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([wiring.raw])
    lines: list[bytes] = []
    since = time.monotonic()
    while True:
        lines += [
            value
            for each in consumer.consume(ROWS - len(lines), 0.1)
            if not each.error() and (value := each.value()) is not None
        ]
        if lines and (len(lines) >= ROWS or time.monotonic() - since > WAIT_S):
            client.raw_insert("passed", insert_block=b"\n".join(lines), settings=SETTINGS, fmt="JSONEachRow")
            consumer.commit(asynchronous=False)
            lines, since = [], time.monotonic()
