"""The emitter: with a spool at the level it is told, or without one (`off`). A second argument `away` = Kafka is, and the
events stay in the spool, where they are counted; `confluent` = with that client.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.job import Call, read_job, report

from trailhouse.producers import AuditProducer, BufferSettings, KafkaSettings, SpoolSettings
from trailhouse.producers.spool import Spool
from trailhouse.producers.transport import kafka_transport


def kept(folder: Path) -> Iterator[str]:
    """The person of every event in the spool."""
    spool = Spool(folder, SpoolSettings())
    while records := spool.take(10_000, 1 << 30):
        for record in records:
            event = json.loads(record.value)
            yield f"{event['org_id']}/{event['actor_user_id']}"
        spool.settle(records)


if __name__ == "__main__":
    job = read_job()
    is_away = sys.argv[2:] == ["away"]
    kafka = KafkaSettings(bootstrap="127.0.0.1:1" if is_away else job.bootstrap, raw_topic=job.topic)
    spool = (
        "off"
        if job.level == "off"
        else SpoolSettings(dir=job.folder, level=job.level, close_timeout_ms=0 if is_away else 120_000)
    )
    client = "confluent-kafka" if sys.argv[2:] == ["confluent"] else "kafka-python"
    transport = kafka_transport(kafka, {"TRAILHOUSE_SEND_CLIENT": client})
    trail = AuditProducer(transport=transport, spool=spool, buffer=BufferSettings(close_timeout_ms=120_000))

    def emit(call: Call) -> None:
        trail.emit(call.action, org_id=call.org_id, **call.fields)

    folder = Path(trail.spool_folder or job.folder)
    report(job, emit, trail.close, (lambda: kept(folder)) if is_away else None)
