"""The role `alerts` as a process: look, send, again, until told to stop. Of several processes one does it (`leader`)."""

from __future__ import annotations

import logging
import signal
import threading
import time
from types import FrameType
from typing import Final

from trailhouse.queries.alerts.delivery import Dispatcher, Senders
from trailhouse.queries.alerts.fair import FairPool
from trailhouse.queries.alerts.figures import AT_ONCE, SHARE, Figures
from trailhouse.queries.alerts.leader import MARGIN_S, Leader
from trailhouse.queries.alerts.mail import Mailer
from trailhouse.queries.alerts.metrics import AlertsMetrics
from trailhouse.queries.alerts.outgoing import Outgoing
from trailhouse.queries.alerts.seal import Seal
from trailhouse.queries.alerts.settings import AlertsSettings
from trailhouse.queries.alerts.watcher import Watcher
from trailhouse.queries.errors import QueryError
from trailhouse.queries.reports import load
from trailhouse.queries.store import Pool
from trailhouse.sinks.clickhouse import ClickHouseError
from trailhouse.sinks.worker import EXIT_INFRASTRUCTURE, exit_now
from trailhouse.stream import tracing
from trailhouse.stream.correlation import about, fresh
from trailhouse.stream.logs import log_to_stderr
from trailhouse.stream.metrics import serve_metrics

POOL: Final = 20
SILENT_AFTER_S: Final = 60.0
#: What reading one page of events for an alert may take, so that the others' come.
LOOK_MAX_S: Final = 30
#: How much later than its limit ClickHouse may say that a question took too long.
ANSWER_S: Final = 10.0
STOP_WAIT_S: Final = 0.05
log = logging.getLogger(__name__)


def run(settings: AlertsSettings) -> None:
    """Run until SIGTERM or SIGINT. While ClickHouse is away it waits; anything unforeseen is status 70."""
    log_to_stderr(settings.logs, "alerts")
    tracing.start(settings.traces, "alerts")
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    metrics = AlertsMetrics()
    last_look = time.monotonic()
    serve_metrics(metrics.registry, settings.metrics, lambda: time.monotonic() - last_look < SILENT_AFTER_S)
    store = settings.notifications.clickhouse(settings.clickhouse)
    pool = Pool(store, size=POOL)
    senders = Senders(
        Outgoing(settings.allow, settings.timeout_s),
        Mailer(settings.mail, settings.timeout_s),
        Seal(settings.notifications.key),
    )
    leader = Leader(settings)
    dispatcher = Dispatcher(settings, pool, metrics, senders, may=lambda: leader.leads)
    asking = Pool(store, size=AT_ONCE, timeout_s=settings.report_timeout_s + ANSWER_S)
    threads = FairPool(AT_ONCE, SHARE, "ask")
    figures = Figures(
        asking, threads, load(), every_s=settings.reports_every_s, limit_s=settings.report_timeout_s
    )
    watcher: Watcher | None = None
    status = 0
    try:
        with pool.client() as client:
            client.set_client_setting("max_execution_time", LOOK_MAX_S)
            watcher = Watcher(client, metrics, figures, may=lambda: leader.leads)
            led = False
            while not stopped.is_set():
                leads = leader.turn()
                if leads is not led:
                    log.info("watching" if leads else "another process watches")
                    watcher.forget()
                    dispatcher.forget()
                metrics.leading.set(leads)
                led = leads
                has_more = leads and _turn(watcher, dispatcher, metrics)
                last_look = time.monotonic()
                if not has_more:
                    stopped.wait(settings.every_s)
    except BaseException as error:  # the supervisor starts it again
        log.critical("stopping: %s: %s", type(error).__name__, error)
        status = EXIT_INFRASTRUCTURE
    dispatcher.close()
    deadline = time.monotonic() + settings.timeout_s + MARGIN_S
    while not status and dispatcher.is_busy and leader.leads and time.monotonic() < deadline:
        leader.turn()
        time.sleep(STOP_WAIT_S)
    if not status and not dispatcher.is_busy:
        leader.leave()
    if not status:
        tracing.stop()
    exit_now(status)


def _turn(watcher: Watcher, dispatcher: Dispatcher, metrics: AlertsMetrics) -> bool:
    """One look and what is due; a store that does not answer is waited for."""
    has_more = False
    with about(fresh("look")):
        try:
            has_more = watcher.look()
            dispatcher.tick()
        except (QueryError, ClickHouseError) as error:
            metrics.failures.inc()
            log.warning("cannot look: %s", str(error).partition("\n")[0])
    return has_more
