"""Alerts over a real store, stepped by hand: events land, the watcher looks, the dispatcher sends."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
from tests.queries.alerts.receivers import wait_for
from tests.queries.recording import Recorded
from tests.sinks.lines import enriched

from trailhouse.producers.settings import Secret
from trailhouse.queries.alerts.delivery import Dispatcher, Senders
from trailhouse.queries.alerts.desk import By, Desk
from trailhouse.queries.alerts.figures import Figures
from trailhouse.queries.alerts.mail import Mailer
from trailhouse.queries.alerts.metrics import AlertsMetrics
from trailhouse.queries.alerts.outgoing import Outgoing
from trailhouse.queries.alerts.seal import Seal
from trailhouse.queries.alerts.settings import AlertsSettings
from trailhouse.queries.alerts.watcher import Watcher
from trailhouse.queries.reports import load
from trailhouse.queries.store import Pool
from trailhouse.sinks.clickhouse import connect, insert_lines
from trailhouse.sinks.settings import ClickHouseSettings

KEY = Secret("k" * 40)
TABLES = ("alerts", "alert_channels", "slack_apps", "alert_steps", "alert_notices", "batches")


class AtOnce:
    """In place of threads: what is submitted is done before `submit` returns."""

    def submit(self, org: str, work: Callable[[], list[float] | None]) -> Future[list[float] | None]:
        future: Future[list[float] | None] = Future()
        future.set_result(work())
        return future


class Yard:
    """`now` (Unix seconds) is the watcher's and the dispatcher's clock."""

    def __init__(self, settings: ClickHouseSettings, org: str) -> None:
        self.settings, self.org, self.epoch = settings, org, f"epoch-{uuid.uuid4().hex[:8]}"
        self.client = connect(settings)
        self.pool = Pool(settings, size=20)
        self.recorded, self.metrics = Recorded(), AlertsMetrics()
        self.reports = load()
        self.desk = Desk(self.pool, Seal(KEY), self.recorded.audit, self.reports, now=self._datetime)
        self.by = By.operator("tester")
        self.now = time.time()
        self.landed: dict[int, int] = {}
        self.watcher = self.new_watcher()
        self.alerts_settings = AlertsSettings(
            clickhouse=settings, allow="127.0.0.0/8", backoff_s=1, attempts=3, timeout_s=10
        )
        self.dispatchers: list[Dispatcher] = []

    def clear(self) -> None:
        for table in TABLES:
            self.client.command(f"TRUNCATE TABLE {table}")

    def close(self) -> None:
        for each in self.dispatchers:
            each.close()
        self.pool.close()
        self.client.close()

    def new_watcher(self, may: Callable[[], bool] = lambda: True) -> Watcher:
        figures = Figures(self.pool, AtOnce(), self.reports, every_s=60)
        return Watcher(self.client, self.metrics, figures, clock=lambda: self.now, may=may)

    def dispatcher(self, *, may: Callable[[], bool] = lambda: True, **changes: Any) -> Dispatcher:
        settings = replace(self.alerts_settings, **changes)
        senders = Senders(
            Outgoing(settings.allow, settings.timeout_s), Mailer(settings.mail, settings.timeout_s), Seal(KEY)
        )
        made = Dispatcher(settings, self.pool, self.metrics, senders, clock=lambda: self.now, may=may)
        self.dispatchers.append(made)
        return made

    def deliver(self, dispatcher: Dispatcher) -> None:
        """Send what is due, and wait for how it went."""
        dispatcher.tick()
        wait_for(lambda: all(each.done() for each in dispatcher._busy.values()))
        dispatcher._collect()

    def land(self, *events: Mapping[str, Any], partition: int = 0, is_settled: bool = True) -> None:
        """Store events after those that were, received now; committed unless not `is_settled`."""
        start = self.landed.get(partition, 0)
        made = [
            {
                "event_id": str(uuid.uuid4()),
                "occurred_at": self._text(),
                "org_id": self.org,
                "action": "user:login",
                "actor_user_id": "mia@example.org",
                **each,
            }
            for each in events
        ]
        if made:
            lines = enriched(
                made, start=start, partition=partition, received=self._datetime(), epoch=self.epoch
            )
            insert_lines(self.client, "landing", lines)
        self.landed[partition] = start + len(made)
        if is_settled and self.landed[partition]:
            self.settle(partition)

    def settle(self, partition: int = 0) -> None:
        """Say, as the sink does, that everything of a partition is stored."""
        row = {
            "epoch": self.epoch,
            "partition": partition,
            "first": 0,
            "last": self.landed[partition] - 1,
            "received_at": self._text(),
        }
        insert_lines(self.client, "batches", [orjson.dumps(row)])

    def webhook(self, url: str, name: str = "hook") -> str:
        """A new webhook's secret."""
        return str(self.desk.add_channel(self.org, self.by, {"name": name, "url": url})["secret"])

    def alert(self, **given: Any) -> str:
        """A new alert's id."""
        asked = {"name": "An alert", "channels": ["hook"], **given}
        return str(self.desk.create(self.org, self.by, asked)["id"])

    def notices(self) -> list[dict[str, Any]]:
        return self.desk.notifications(self.org)

    def _datetime(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)

    def _text(self) -> str:
        return self._datetime().isoformat(timespec="milliseconds").replace("+00:00", "Z")
