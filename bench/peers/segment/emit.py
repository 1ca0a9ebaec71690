"""Segment's `track`, which hands over to a thread that uploads batches; the queue is large enough to drop nothing."""

from __future__ import annotations

from bench.job import Call, read_job, report
from segment.analytics.client import Client

QUEUE = 1_000_000

if __name__ == "__main__":
    job = read_job()
    client = Client("benchmark", host=job.endpoint, max_queue_size=QUEUE)

    def emit(call: Call) -> None:
        client.track(call.person, call.action, {**call.fields, "org_id": call.org_id})

    def finish() -> None:
        client.flush()
        client.join()

    report(job, emit, finish)
