"""PostHog's `capture`, which hands over to a thread that uploads batches; the queue is large enough to drop nothing."""

from __future__ import annotations

from bench.job import Call, read_job, report
from posthog import Posthog

QUEUE = 1_000_000

if __name__ == "__main__":
    job = read_job()
    client = Posthog("phc_benchmark", host=job.endpoint, max_queue_size=QUEUE)

    def emit(call: Call) -> None:
        client.capture(
            call.action, distinct_id=call.person, properties={**call.fields, "org_id": call.org_id}
        )

    def finish() -> None:
        client.flush()
        client.shutdown()

    report(job, emit, finish)
