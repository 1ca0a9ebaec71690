"""The figures that alerts ask of reports: in threads of their own, so that a heavy report holds up no event's alert.

Organisations share the threads fairly, one question of each at a time, and a question that takes too long is given up.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Protocol

from trailhouse.queries.alerts.alert import Alert
from trailhouse.queries.caller import Caller
from trailhouse.queries.errors import QueryError
from trailhouse.queries.report import Report
from trailhouse.queries.runner import run
from trailhouse.queries.store import Pool

AT_ONCE: Final = 2
SHARE: Final = 1
log = logging.getLogger(__name__)


class Threads(Protocol):
    """Does work of an organisation (`fair.FairPool`)."""

    def submit(self, org: str, work: Callable[[], list[float] | None]) -> Future[list[float] | None]: ...


class Figures:
    """Asks each alert's report every so often, for `limit_s` seconds a query at most. For one thread."""

    def __init__(
        self,
        pool: Pool,
        threads: Threads,
        reports: Mapping[str, Report],
        *,
        every_s: float = 300.0,
        limit_s: float = 30.0,
    ) -> None:
        self._pool, self._threads, self._reports, self._limit_s = pool, threads, reports, limit_s
        self._every_ms = int(every_s * 1000)
        #: By alert, and the condition it had: what an earlier one asked says nothing about a later one.
        self._asked: dict[tuple[str, str, int], int] = {}
        self._under_way: dict[tuple[str, str, int], Future[list[float] | None]] = {}

    def answer(self, alert: Alert, checked: int, now: int) -> list[float] | None:
        """The figures that came since the last look; None = nothing new. Times are Unix ms, `checked` the last answer's."""
        key = alert.org, alert.alert_id, alert.turned_ms
        if key not in self._under_way:
            if now - max(checked, self._asked.get(key, 0)) < self._every_ms:
                return None
            self._asked[key] = now
            self._under_way[key] = self._threads.submit(alert.org, partial(self._ask, alert, now))
        if not self._under_way[key].done():
            return None
        return self._under_way.pop(key).result()

    def _ask(self, alert: Alert, now: int) -> list[float] | None:
        """The figures of the alert's report now, read as someone of that organisation who may not see people."""
        report = self._reports.get(alert.report)
        if report is None:
            log.warning("alert %s asks for a report that is no more", alert.alert_id)
            return None
        params = {"org": alert.org} | ({"last": alert.last} if alert.last else {})
        caller = Caller(orgs=frozenset({alert.org}))
        try:
            with self._pool.client() as client:
                client.set_client_setting("max_execution_time", self._limit_s)
                answer = run(client, report, caller, params, now=datetime.fromtimestamp(now / 1000, UTC))
        except QueryError as error:
            log.warning("alert %s: its report cannot be asked: %s", alert.alert_id, error)
            return None
        found: list[Any] = [answer.values(number).get(alert.figure) for number in range(len(answer.rows))]
        return [float(each) for each in found if isinstance(each, int | float)]
