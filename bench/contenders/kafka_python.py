"""kafka-python's own `send` of ready bytes, with the settings the emitter uses."""

from __future__ import annotations

from bench.job import read_job, report
from kafka import KafkaProducer

from trailhouse.producers.kafka import OPTIONS

if __name__ == "__main__":
    job = read_job()
    producer = KafkaProducer(bootstrap_servers=job.bootstrap, **OPTIONS)

    def finish() -> None:
        producer.flush()
        producer.close()

    report(job, lambda call: producer.send(job.topic, value=call.value.encode()), finish)
