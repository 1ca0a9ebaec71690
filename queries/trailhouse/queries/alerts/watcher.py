"""Reads what was stored since each alert last looked, and keeps what that makes it say.

An alert reads by the cursor of `/api/v1/events`, so it sees every stored event once, late ones too. What it has read and
what it says of it are one row of `alert_steps`: killed before that row, it reads the same again and has said nothing;
killed after it, it copies that row's notices again, and copies with the same ids change nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from trailhouse.queries.alerts.alert import Alert
from trailhouse.queries.alerts.evaluation import Evaluation, Match, State, match_of
from trailhouse.queries.alerts.metrics import AlertsMetrics
from trailhouse.queries.alerts.table import Sending, Step, load_alerts, load_steps, save_sendings, save_step
from trailhouse.queries.audit_cursor import Cursor
from trailhouse.queries.audit_page import read_marks, read_page
from trailhouse.queries.caller import Caller
from trailhouse.queries.errors import QueryError, StorageUnavailable
from trailhouse.queries.report import Report
from trailhouse.queries.runner import run
from trailhouse.sinks.clickhouse import Client

PAGE: Final = 2_000
#: A cursor that moved over nothing of interest need not be kept at once: read again, it is the same nothing.
KEEP_MS: Final = 60_000
log = logging.getLogger(__name__)


class Watcher:
    """Looks for one installation, which one process does at a time. `clock` gives Unix seconds."""

    def __init__(
        self,
        client: Client,
        metrics: AlertsMetrics,
        reports: Mapping[str, Report],
        *,
        reports_every_s: float = 300.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client, self._metrics, self._reports = client, metrics, reports
        self._every_ms, self._clock = int(reports_every_s * 1000), clock
        self._steps: dict[tuple[str, str], Step] | None = None
        self._kept: dict[tuple[str, str], int] = {}

    def look(self) -> bool:
        """Judge what was stored since the last look; returns whether there is more to read. Raises `QueryError`.

        After an error it begins again from what is kept.
        """
        try:
            return self._look()
        except BaseException:
            self._steps = None
            raise

    def _look(self) -> bool:
        alerts = load_alerts(self._client, None)
        if self._steps is None:
            self._steps = self._recover({(each.org, each.alert_id): each for each in alerts})
        marks, has_more = read_marks(self._client), False
        for alert in alerts:
            has_more |= self._judge(alert, marks, self._steps)
        if not has_more:
            self._metrics.looked.set(self._clock())
        return has_more

    def _recover(self, alerts: Mapping[tuple[str, str], Alert]) -> dict[tuple[str, str], Step]:
        """Where every alert is; the notices of each last step are copied, in case nobody came to it."""
        steps = load_steps(self._client)
        for key, step in steps.items():
            if key in alerts:
                self._copy(alerts[key], step)
        return steps

    def _judge(
        self, alert: Alert, marks: Mapping[tuple[str, int], int], steps: dict[tuple[str, str], Step]
    ) -> bool:
        key, now = (alert.org, alert.alert_id), int(self._clock() * 1000)
        last = steps.get(key) or Step(0, State(cursor=alert.start))
        matches: list[Match] = []
        cursor, has_more = Cursor.from_text(last.state.cursor), False
        is_new = not alert.report and bool(cursor.left(marks))
        is_due = self._is_due(alert, last.state, now)
        if not is_new and not is_due and not alert.waits and last.state.is_idle:
            return False
        if is_new:
            page = read_page(self._client, cursor, alert.wanted, limit=PAGE, read_pii=False)
            entries = [orjson.loads(line) for line in page.lines]
            matches = [match_of(alert, each, _received(each)) for each in entries]
            cursor, has_more = page.cursor, page.has_more
        values = self._figures(alert, now) if is_due else None
        state = State.from_text(last.state.to_text())
        state.cursor = cursor.to_text()
        step = Step(last.number + 1, state)
        judged = Evaluation(alert, state, step.number, now)
        judged.run(matches, is_current=not has_more, values=values)
        step = replace(step, notices=tuple(judged.notices))
        if matches or step.notices or now - self._kept.get(key, 0) >= KEEP_MS:
            save_step(self._client, alert, step)
            self._kept[key] = now
            self._copy(alert, step)
            self._metrics.matches.inc(len(matches))
            self._metrics.notices.inc(len(step.notices))
        else:
            step = replace(step, number=last.number)
        steps[key] = step
        return has_more

    def _copy(self, alert: Alert, step: Step) -> None:
        save_sendings(
            self._client,
            [
                Sending(alert.org, channel, alert.alert_id, notice, notice.at, next_at=notice.at)
                for notice in step.notices
                for channel in alert.channels
            ],
        )

    def _is_due(self, alert: Alert, state: State, now: int) -> bool:
        return bool(alert.report) and now - state.checked >= self._every_ms

    def _figures(self, alert: Alert, now: int) -> list[float]:
        """The figures of the alert's report now, read as someone of that organisation who may not see people."""
        report = self._reports.get(alert.report)
        if report is None:
            log.warning("alert %s asks for a report that is no more", alert.alert_id)
            return _nothing(alert)
        params = {"org": alert.org} | ({"last": alert.last} if alert.last else {})
        caller = Caller(orgs=frozenset({alert.org}))
        try:
            answer = run(self._client, report, caller, params, now=datetime.fromtimestamp(now / 1000, UTC))
        except StorageUnavailable:
            raise
        except QueryError as error:
            log.warning("alert %s: its report cannot be asked: %s", alert.alert_id, type(error).__name__)
            return _nothing(alert)
        found: list[Any] = [answer.values(number).get(alert.figure) for number in range(len(answer.rows))]
        return [float(each) for each in found if isinstance(each, int | float)]


def _nothing(alert: Alert) -> list[float]:
    """A figure that is beyond no bound."""
    return [alert.above if alert.above is not None else alert.below or 0.0]


def _received(entry: Mapping[str, Any]) -> int:
    return int(datetime.fromisoformat(entry["received_at"]).timestamp() * 1000)
