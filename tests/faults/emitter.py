"""A service that emits through the SDK at a steady rate until told to stop: `python emitter.py BOOTSTRAP SPOOL JOURNAL RATE`.

The journal says of each event that it was about to be emitted (`?`), and then that `emit` returned (`+`), so that it is
known of every event whether the SDK had accepted it when the process was killed.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import uuid
from pathlib import Path
from types import FrameType

from trailhouse.producers import AuditProducer, KafkaSettings

ACTIONS = ("page:view", "user:login", "run:create", "report:view", "project:update")
ORGS = ("acme", "beta")


def run(bootstrap: str, spool: str, journal: Path, rate: float) -> None:
    is_stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal is_stopping
        is_stopping = True

    signal.signal(signal.SIGTERM, stop)
    written = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with AuditProducer(KafkaSettings(bootstrap=bootstrap), spool=spool, strict=True) as trail:
        due = time.monotonic()
        while not is_stopping:
            due += 1 / rate
            if (wait := due - time.monotonic()) > 0:
                time.sleep(wait)
            event_id, org, action = str(uuid.uuid4()), random.choice(ORGS), random.choice(ACTIONS)
            place = f"{event_id} {org} {action}\n".encode()
            os.write(written, b"? " + place)
            trail.emit(action, org_id=org, event_id=event_id, actor_user_id=f"u{random.randrange(200)}")
            os.write(written, b"+ " + place)


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], Path(sys.argv[3]), float(sys.argv[4]))
