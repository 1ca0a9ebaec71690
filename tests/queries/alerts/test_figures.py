"""Figures of reports for alerts: asked beside everything else, for so long at most, one question of each organisation at a time."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from tests.queries.alerts.receivers import wait_for
from tests.queries.alerts.yard import Yard

from trailhouse.queries.alerts import figures as module
from trailhouse.queries.alerts.alert import Alert
from trailhouse.queries.alerts.fair import FairPool
from trailhouse.queries.alerts.figures import AT_ONCE, SHARE, Figures
from trailhouse.queries.store import our_errors

ALERT = Alert("slow", "al_1", "A", "threshold", ("ch_1",), above=1, report="active_users", figure="n")
ENDLESS = "SELECT count() FROM system.numbers WHERE NOT ignore(number)"


class Answer:
    """What a report answered."""

    rows = ((7,), (9,))

    def values(self, number: int) -> dict[str, Any]:
        return {"n": self.rows[number][0]}


def test_a_heavy_question_holds_up_nobody(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one organisation's reports do not answer, another's does, and whoever looks waits for neither."""
    ended = threading.Event()

    def run(_: Any, report: Any, caller: Any, params: dict[str, str], **more: Any) -> Answer:
        if params["org"] == "slow":
            ended.wait(60)
        return Answer()

    monkeypatch.setattr(module, "run", run)
    with closing(FairPool(AT_ONCE, SHARE, "test")) as threads:
        figures = Figures(yard.pool, threads, yard.reports, every_s=60)
        slow = [replace(ALERT, alert_id=f"al_{number}") for number in range(5)]
        quick = replace(ALERT, org="quick")
        now = int(time.time() * 1000)
        assert [figures.answer(each, 0, now) for each in slow] == [None] * 5
        assert wait_for(lambda: figures.answer(quick, 0, now)) == [7.0, 9.0]
        assert [figures.answer(each, 0, now) for each in slow] == [None] * 5
        ended.set()
        for each in slow:
            assert wait_for(lambda each=each: figures.answer(each, 0, now)) == [7.0, 9.0]  # type: ignore[misc] # bound now
        assert figures.answer(quick, now, now + 59_999) is None
        assert wait_for(lambda: figures.answer(quick, now, now + 60_000)) == [7.0, 9.0]


def test_a_question_that_takes_too_long_is_given_up_until_the_next_look(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine ends it, and it is not asked again at once; figures of a condition that was changed are passed over."""
    asked = []

    def run(client: Any, *_: Any, **more: Any) -> Answer:
        asked.append(1)
        with our_errors():
            client.query(ENDLESS)
        return Answer()

    monkeypatch.setattr(module, "run", run)
    with ThreadPoolExecutor(1) as one:
        threads: Any = SimpleNamespace(submit=lambda _, work: one.submit(work))
        figures = Figures(yard.pool, threads, yard.reports, every_s=60, limit_s=1)
        now = int(time.time() * 1000)
        assert figures.answer(ALERT, 0, now) is None
        wait_for(lambda: all(each.done() for each in figures._under_way.values()))
        assert figures.answer(ALERT, 0, now) is None
        assert figures.answer(ALERT, 0, now + 59_999) is None
        assert len(asked) == 1
        monkeypatch.setattr(module, "run", lambda *_, **__: Answer())
        figures.answer(ALERT, 0, now + 60_000)
        other = replace(ALERT, turned_ms=1)
        wait_for(lambda: all(each.done() for each in figures._under_way.values()))
        assert figures.answer(replace(other, report="no_such_report"), 0, now) is None
        assert figures.answer(ALERT, 0, now + 60_000) == [7.0, 9.0]
