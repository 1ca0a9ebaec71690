"""The events behind a row, as text."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime

from tests.queries.plain_store import PlainStore

from trailhouse.queries import render, render_explanation
from trailhouse.queries.caller import Caller
from trailhouse.queries.explain import Explanation
from trailhouse.queries.question import ask
from trailhouse.queries.reports import load

NOW = datetime(2026, 1, 31, 20, tzinfo=UTC)


def explanation() -> Explanation:
    question = ask(
        load()["users_active_over_time"], Caller.operator(), {"org": "acme"}, store=PlainStore(), now=NOW
    )
    day = date(2026, 1, 30)
    at = datetime(2026, 1, 30, 9, tzinfo=UTC)
    rows = ((at, "page:view", "=cmd\x1b", "00000000-0000-4000-8000-000000000001", "acme"),)
    return Explanation(question, {"day": day}, question.period.clip(day, day), rows, 1, 1, NOW, 0.01)


def test_a_table_says_which_row_and_what_it_counts() -> None:
    """Title with the row's values, footer with the figure, and how many are not listed."""
    shown = render_explanation.table(explanation())
    assert shown.splitlines()[0] == "Users active over time · acme · day = 2026-01-30"
    assert "=cmd\\x1b" in shown
    footer = "1 event · active_users = 1 · 0.01 s · 2026-01-30T00:00:00Z to 2026-01-31T00:00:00Z"
    assert shown.splitlines()[-1] == footer
    many = render_explanation.table(replace(explanation(), total=1501))
    assert "… and 1,500 more, later ones" in many
    assert "1,501 events" in many


def test_json_has_the_row_the_figure_and_the_rest() -> None:
    """And the question as it can be asked again; in CSV a formula is text."""
    found = json.loads(render_explanation.json(replace(explanation(), total=3)))
    assert (found["row"], found["column"], found["figure"]) == ({"day": "2026-01-30"}, "active_users", 1)
    assert (found["total"], found["rest"], len(found["rows"])) == (3, 2, 1)
    assert found["params"]["since"] == "2026-01-02"
    assert found["period"] == {"since": "2026-01-30T00:00:00Z", "until": "2026-01-31T00:00:00Z"}
    assert "'=cmd" in render.csv(explanation())
