"""Run the stream worker as a process: check the topics, serve metrics, hand over to Faust, stop in bounded time."""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import Any, Final

import faust
from faust.types import TP

from trailhouse.stream import tracing
from trailhouse.stream.app import EXIT_INFRASTRUCTURE, create_app
from trailhouse.stream.logs import log_to_stderr
from trailhouse.stream.metrics import StreamMetrics, serve_metrics
from trailhouse.stream.refill import Refiller
from trailhouse.stream.settings import StreamSettings
from trailhouse.stream.topics import TopicError, check_topics

EXIT_STUCK: Final = 75

log = logging.getLogger(__name__)


class Worker(faust.Worker):
    """Faust's worker, which waits for ever for a stuck stream when told to stop; this one ends itself after a grace."""

    grace_s: float = 15.0

    def _on_sigterm(self) -> None:
        timer = threading.Timer(self.grace_s, os._exit, (EXIT_STUCK,))
        timer.daemon = True
        timer.start()
        super()._on_sigterm()

    def _on_sigint(self) -> None:
        self._on_sigterm()


def owns(app: faust.App, settings: StreamSettings, partition: int) -> bool:
    """Whether the raw partition is assigned to this worker now."""
    return TP(settings.kafka.raw_topic, partition) in app.consumer.assignment()


def run(settings: StreamSettings) -> None:
    """Run until told to stop (SIGTERM, SIGINT). Infrastructure errors end the process with status 70."""
    log_to_stderr(settings.logs, "stream")
    tracing.start(settings.traces, "stream")
    try:
        check_topics(settings.kafka)
    except TopicError as error:
        log.critical("%s; %s", error, error.hint)
        sys.exit(EXIT_INFRASTRUCTURE)
    metrics = StreamMetrics()
    app = create_app(settings, metrics)
    serve_metrics(metrics.registry, settings.metrics, lambda: not app.should_stop)
    arguments: dict[str, Any] = {
        "loglevel": "WARN",
        "quiet": True,
        "redirect_stdouts": False,
        "override_logging": False,
    }
    worker = Worker(app, **arguments)
    worker.spinner = None  # it draws into the log, terminal or not
    worker.grace_s = settings.stop_grace_s
    Refiller(settings, metrics, lambda partition: owns(app, settings, partition)).start()
    app.finalize()
    try:
        worker.execute_from_commandline()
    finally:
        tracing.stop()
