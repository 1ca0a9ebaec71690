"""Run the sink as a process: check the topics, serve metrics, step until told to stop, end in bounded time."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from types import FrameType
from typing import Final, NoReturn

from trailhouse.sinks.consumer import Sink
from trailhouse.sinks.metrics import SinkMetrics
from trailhouse.sinks.seal import Sealer
from trailhouse.sinks.settings import SinkSettings
from trailhouse.sinks.writer import ClickHouseWriter
from trailhouse.stream import tracing
from trailhouse.stream.logs import log_to_stderr
from trailhouse.stream.metrics import serve_metrics
from trailhouse.stream.topics import TopicError, check_topics

EXIT_INFRASTRUCTURE: Final = 70
SILENT_AFTER_S: Final = 60.0

log = logging.getLogger(__name__)


def run(settings: SinkSettings) -> None:
    """Run until told to stop (SIGTERM, SIGINT); anything else that ends it is status 70, for the supervisor."""
    log_to_stderr(settings.logs, "sink")
    tracing.start(settings.traces, "sink")
    is_stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal is_stopping
        is_stopping = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    metrics = SinkMetrics()
    try:
        check_topics(settings.kafka)
        sink = Sink(settings, ClickHouseWriter(settings.clickhouse), metrics)
        sealer = Sealer(
            settings.clickhouse,
            every_s=settings.seal_every_s,
            is_mine=lambda: sink.is_first,
            on_sealed=metrics.sealed.inc,
        )
        sealer.start()
        last_step = time.monotonic()
        serve_metrics(
            metrics.registry, settings.metrics, lambda: time.monotonic() - last_step < SILENT_AFTER_S
        )
        while not is_stopping:
            sink.step()
            last_step = time.monotonic()
        sealer.stop()
        is_idle = sink.finish()
    except TopicError as error:
        log.critical("%s; %s", error, error.hint)
    except BaseException as error:
        log.critical("stopping: %s: %s", type(error).__name__, error)
    else:
        if is_idle:
            tracing.stop()
            return
        exit_now(0)
    exit_now(EXIT_INFRASTRUCTURE)


def exit_now(status: int) -> NoReturn:
    """End the process without waiting for its threads: none may go on to store, to commit, or to hold us up."""
    logging.shutdown()
    sys.stderr.flush()
    os._exit(status)
