"""persist-queue as a spool: at level `safe` its SQLite queue with a commit for each event, the way to keep every one of
them that its documentation gives; at level `fast` its file queue, which leaves them to the page cache.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from bench.job import Call, read_job, report
from persistqueue import Empty, Queue, SQLiteQueue

if __name__ == "__main__":
    job = read_job()
    queue: Any = SQLiteQueue(job.folder, multithreading=True) if job.level == "safe" else Queue(job.folder)

    def emit(call: Call) -> None:
        event = {"action": call.action, "org_id": call.org_id, **call.fields}
        queue.put(json.dumps(event).encode())

    def found() -> Iterator[str]:
        while True:
            try:
                event = json.loads(queue.get(block=False))
            except Empty:
                return
            yield f"{event['org_id']}/{event['actor_user_id']}"

    report(job, emit, lambda: None, found)
