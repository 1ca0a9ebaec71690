"""Reads what was stored since each alert last looked, and keeps what that makes it say.

An alert reads by the cursor of `/api/v1/events`, so it sees every stored event once, late ones too. What it has read and
what it says of it are one row of `alert_steps`: killed before that row, it reads the same again and has said nothing;
killed after it, it copies that row's notices again, and copies with the same ids change nothing.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from trailhouse.queries.alerts.alert import Alert
from trailhouse.queries.alerts.evaluation import Evaluation, Match, State, match_of
from trailhouse.queries.alerts.figures import Figures
from trailhouse.queries.alerts.metrics import AlertsMetrics
from trailhouse.queries.alerts.owner import keys_of, stop_of
from trailhouse.queries.alerts.table import Sending, Step, load_alerts, load_steps, save_sendings, save_step
from trailhouse.queries.audit_cursor import Cursor
from trailhouse.queries.audit_page import read_marks, read_page
from trailhouse.queries.errors import QueryError
from trailhouse.queries.store import is_too_heavy
from trailhouse.sinks.clickhouse import Client
from trailhouse.stream import tracing

PAGE: Final = 2_000
#: A cursor that moved over nothing of interest need not be kept at once: read again, it is the same nothing.
KEEP_MS: Final = 60_000
#: For so long an alert whose events could not be read in time is not judged; nothing of it is lost meanwhile.
REST_S: Final = 600.0
log = logging.getLogger(__name__)


class LostLead(QueryError):
    """Another process looks now: what was read is not kept."""


class Watcher:
    """Looks for one installation, which one process does at a time. `clock` gives Unix seconds.

    `may`: whether it is still this process; asked before what was read is kept.
    """

    def __init__(
        self,
        client: Client,
        metrics: AlertsMetrics,
        figures: Figures,
        *,
        clock: Callable[[], float] = time.time,
        may: Callable[[], bool] = lambda: True,
    ) -> None:
        self._may = may
        self._client, self._metrics, self._figures, self._clock = client, metrics, figures, clock
        self._steps: dict[tuple[str, str], Step] | None = None
        self._kept: dict[tuple[str, str], int] = {}
        self._rests: dict[tuple[str, str], float] = {}
        #: Of the look under way: alerts judged, events that matched, notices made.
        self._found: Counter[tracing.Name] = Counter()

    def look(self) -> bool:
        """Judge what was stored since the last look; returns whether there is more to read. Raises `QueryError`.

        After an error it begins again from what is kept.
        """
        self._found.clear()
        with tracing.span("alerts look") as span:
            try:
                has_more = self._look()
            except BaseException:
                self._steps = None
                raise
            if not self._found:
                span.drop()  # there is one a second
            span.set(self._found)
            return has_more

    def forget(self) -> None:
        """Begin again from what is kept: another process may have looked meanwhile."""
        self._steps = None

    def _look(self) -> bool:
        alerts = load_alerts(self._client, None)
        if self._steps is None:
            self._steps = self._recover({(each.org, each.alert_id): each for each in alerts})
        marks, has_more, is_whole = read_marks(self._client), False, True
        now = self._clock()
        for alert in self._speaking(alerts):
            key = alert.org, alert.alert_id
            if now < self._rests.get(key, 0.0):
                continue
            try:
                has_more |= self._judge(alert, marks, self._steps)
            except QueryError as error:
                if not is_too_heavy(error):
                    raise
                # Its question is at fault, not the store: the others go on, and it is asked again later.
                self._rests[key], is_whole = self._clock() + REST_S, False
                self._metrics.failures.inc()
                log.warning("alert %s rests for %g s: %s", alert.alert_id, REST_S, error)
        if not has_more and is_whole:
            self._metrics.looked.set(self._clock())
        return has_more

    def _speaking(self, alerts: Sequence[Alert]) -> list[Alert]:
        """The alerts to judge: one whose owner may no more reads on and says nothing, as if it were paused."""
        keys, now = keys_of(self._client, alerts), datetime.fromtimestamp(self._clock(), UTC)
        found = [(alert, stop_of(alert, keys, now)) for alert in alerts]
        self._metrics.stopped.set(sum(stop is not None for _, stop in found))
        return [
            alert if stop is None else replace(alert, is_paused=True)
            for alert, stop in found
            if stop is None or stop.is_final
        ]

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
        values = self._figures.answer(alert, last.state.checked, now) if alert.report else None
        if not is_new and values is None and not alert.waits and last.state.is_idle:
            return False
        if is_new:
            page = read_page(self._client, cursor, alert.wanted, limit=PAGE, read_pii=False)
            entries = [orjson.loads(line) for line in page.lines]
            matches = [match_of(alert, each, _received(each)) for each in entries]
            cursor, has_more = page.cursor, page.has_more
        if values is not None:  # it reads no events, but may be changed into one that does
            cursor = Cursor(alert.org, marks)
        state = State.from_text(last.state.to_text())
        state.cursor = cursor.to_text()
        step = Step(last.number + 1, state)
        judged = Evaluation(alert, state, step.number, now)
        judged.run(matches, is_current=not has_more, values=values)
        step = replace(step, notices=tuple(judged.notices))
        if matches or step.notices or now - self._kept.get(key, 0) >= KEEP_MS:
            if not self._may():
                raise LostLead("another alerts process leads")
            save_step(self._client, alert, step)
            self._kept[key] = now
            self._copy(alert, step)
            self._found["trailhouse.alerts"] += 1
            self._found["trailhouse.events"] += len(matches)
            self._found["trailhouse.notices"] += len(step.notices)
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


def _received(entry: Mapping[str, Any]) -> int:
    return int(datetime.fromisoformat(entry["received_at"]).timestamp() * 1000)
