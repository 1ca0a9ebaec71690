"""A role whose clock is wrong: `python skewed.py SECONDS stream|sink`. `time.time` is shifted in its process."""

from __future__ import annotations

import os
import sys
import time


def shift(seconds: float) -> None:
    """Move this process's wall clock; the monotonic one, by which it waits, goes on as it is."""
    true_time = time.time
    time.time = lambda: true_time() + seconds
    time.time_ns = lambda: int((true_time() + seconds) * 1e9)


if __name__ == "__main__":
    shift(float(sys.argv[1]))
    if sys.argv[2] == "stream":
        from trailhouse.stream.settings import StreamSettings
        from trailhouse.stream.worker import run as run_stream

        run_stream(StreamSettings.from_env(os.environ))
    else:
        from trailhouse.sinks.settings import SinkSettings
        from trailhouse.sinks.worker import run as run_sink

        run_sink(SinkSettings.from_env(os.environ))
