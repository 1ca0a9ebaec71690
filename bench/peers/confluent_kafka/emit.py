"""confluent-kafka's `produce` of ready bytes: idempotent, lz4, a linger as its documentation advises for throughput."""

from __future__ import annotations

from bench.job import Call, read_job, report
from confluent_kafka import Producer

QUEUE = 1_000_000

if __name__ == "__main__":
    job = read_job()
    producer = Producer(
        {
            "bootstrap.servers": job.bootstrap,
            "acks": "all",
            "enable.idempotence": True,
            "compression.type": "lz4",
            "linger.ms": 50,
            "batch.size": 256 * 1024,
            "queue.buffering.max.messages": QUEUE,
        }
    )

    def emit(call: Call) -> None:
        producer.produce(job.topic, call.value.encode())
        producer.poll(0)

    report(job, emit, producer.flush)
