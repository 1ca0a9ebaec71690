"""Results as tables, CSV, JSON and JSON lines."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from tests.queries.plain_store import PlainStore
from tests.queries.test_question import HEADER

from trailhouse.queries import render
from trailhouse.queries.caller import Caller
from trailhouse.queries.header import Semantics
from trailhouse.queries.question import ask
from trailhouse.queries.report import load, parse
from trailhouse.queries.runner import Result
from trailhouse.queries.value import Row

NOW = datetime(2026, 1, 31, 20, 0, 0, 500_000, tzinfo=UTC)
LAST = datetime(2026, 1, 30, 23, 59, 59, 999_000, tzinfo=UTC)


def result(*rows: Row, report: str = "most_active_users", **params: str) -> Result:
    question = ask(
        load()[report],
        Caller.operator(),
        {"org": "acme", "since": "2026-01-01", "until": "2026-01-31", **params},
        store=PlainStore(),
        now=NOW,
    )
    hidden = tuple(("7",) for _ in rows)
    return Result(question, rows, NOW, LAST, 0.0312, hidden=hidden)


def leader(user: str) -> Row:
    return (1, user, 1234567, LAST)


def test_csv_follows_rfc_4180() -> None:
    """Comma, CRLF, a header row, and quotes doubled inside quotes."""
    text = render.csv(result(leader('a,"b"\nc')))
    assert text == (
        'rank,user,active_days,last_active\r\n1,"a,""b""\nc",1234567,2026-01-30T23:59:59.999Z\r\n'
    )
    assert list(csv.reader(io.StringIO(text, newline="")))[1][1] == 'a,"b"\nc'


@pytest.mark.parametrize(
    "start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"]
)
def test_a_cell_that_a_spreadsheet_would_run_is_escaped(start: str) -> None:
    """Text of strangers that begins as a formula does gets an apostrophe before it."""
    text = render.csv(result(leader(f"{start}cmd|' /C calc'!A1")))
    row = list(csv.reader(io.StringIO(text, newline="")))[1]
    assert row[1] == f"'{start}cmd|' /C calc'!A1"


def test_numbers_and_dates_are_never_escaped() -> None:
    """Only text can be a formula; a number keeps its sign, nothing is written for nothing."""
    rows: tuple[Row, ...] = ((date(2026, 1, 1), -5), (date(2026, 1, 2), None))
    text = render.csv(result(*rows, report="users_active_over_time"))
    assert text == "day,active_users\r\n2026-01-01,-5\r\n2026-01-02,\r\n"


def test_json_says_what_was_asked_and_answered() -> None:
    """Report, parameters, period, columns with units, rows by column name, freshness."""
    document = json.loads(render.json(result(leader("ann"), timezone="Asia/Kathmandu", limit="3")))
    assert document["report"] == "most_active_users"
    assert document["params"] == {"org": "acme", "timezone": "Asia/Kathmandu", "actors": "people", "limit": 3}
    assert document["period"] == {
        "first_day": "2026-01-01",
        "last_day": "2026-01-31",
        "since": "2025-12-31T18:15:00Z",
        "until": "2026-01-31T18:15:00Z",
        "so_far": False,
        "state": "provisional",
    }
    assert [column["unit"] for column in document["columns"]][2] == "days"
    (row,) = document["rows"]
    assert row.pop("explain").startswith(
        "/api/v1/reports/most_active_users/explain?org=acme&since=2026-01-01&"
    )
    assert row == {
        "rank": 1,
        "user": "ann",
        "active_days": 1234567,
        "last_active": "2026-01-30T23:59:59.999Z",
        "state": "provisional",
    }
    assert (document["left_out"], document["decided"], document["semantics"]) == (None, [], None)
    assert document["freshness"] == {
        "asked_at": "2026-01-31T20:00:00.500Z",
        "stored_through": "2026-01-30T23:59:59.999Z",
    }


def test_ndjson_is_one_object_per_line() -> None:
    """No row, no line."""
    assert render.ndjson(result()) == b""
    lines = render.ndjson(result(leader("a\nb"), leader("c"))).splitlines()
    assert [json.loads(line)["user"] for line in lines] == ["a\nb", "c"]


def test_a_table_aligns_figures_and_ends_with_its_footer() -> None:
    """Digits right-aligned with thousands separated; below: rows, time, period, zone, freshness."""
    text = render.table(result(leader("ann")))
    lines = text.splitlines()
    assert lines[0] == "Most active users · acme"
    assert (
        lines[-1]
        == "1 row · 0.03 s · 2026-01-01 to 2026-01-31, so far · UTC · stored through 2026-01-30T23:59:59Z"
    )
    (row,) = [line for line in lines if "ann" in line]
    assert "1,234,567" in row
    header = next(line for line in lines if "active_days" in line)
    assert header.index("active_days") + len("active_days") == row.index("1,234,567") + len("1,234,567")
    assert "\x1b" not in text


def test_a_table_shows_control_characters_instead_of_sending_them() -> None:
    """An identity cannot clear the screen, colour it, turn the writing direction or draw markup."""
    text = render.table(result(leader("\x1b[2J\u202eevil[red]x[/red]\u2028")))
    assert "\\x1b[2J\\u202eevil[red]x[/red]\\u2028" in text
    assert not {"\x1b", "\u202e", "\u2028"} & set(text)


def test_a_narrow_table_folds_and_loses_nothing() -> None:
    """In a small terminal a long identity goes on in the next line."""
    text = render.table(result(leader("x" * 70)), width=60)
    assert text.count("x") == 70


def test_a_finished_period_is_not_so_far() -> None:
    """Only a running period is marked."""
    finished = replace(result(), asked_at=datetime(2026, 2, 1, tzinfo=UTC), landed_until=None)
    assert render.footer(finished) == "0 rows · 0.03 s · 2026-01-01 to 2026-01-31, provisional · UTC"
    settled = replace(finished, landed_until=datetime(2026, 2, 2, 0, 0, 0, 1, tzinfo=UTC))
    assert "2026-01-31, final · UTC" in render.footer(settled)


def test_a_long_table_can_end_with_what_is_left_out() -> None:
    """The first rows are drawn, one line counts the others and says how to see them; the footer counts all."""
    rows: list[Row] = [(f"action:{number}", 100 - number) for number in range(13)]
    text = render.table(result(*rows, report="events_by_action"), limit=10, rest="ask --for more")
    assert "action:9 " in text
    assert "action:10 " not in text
    assert "  … and 3 more: ask --for more\n" in text
    assert "13 rows · " in text
    for limit in (13, None):
        whole = render.table(result(*rows, report="events_by_action"), limit=limit, rest="ask --for more")
        assert "action:12 " in whole
        assert "more" not in whole


def test_a_table_says_what_was_decided_and_who_is_left_out() -> None:
    """Beside the figures: the zone's reason, machines that are not counted, which rows may still change, a quote."""
    rows = tuple((date(2026, 1, day), day % 3) for day in range(1, 32))
    found = result(*rows, report="users_active_over_time")
    question = replace(
        found.question, said=("the time zone of acme",), semantics=Semantics("kroolo", "Filter by weekly.")
    )
    shown = replace(found, question=question, left_out={"service_account": 1, "system": 2000})
    text = render.table(shown)
    assert "  active_users ▅█▁▅█▁" in text
    assert "  kroolo: “Filter by weekly.”" in text
    assert text.splitlines()[-1].endswith(
        "· the time zone of acme · not counted: 1 service account and 2,000 systems"
        " · rows: 1 so far, 2 provisional, 28 final"
    )
    document = json.loads(render.json(shown))
    assert [row["state"] for row in document["rows"]][27:] == [
        "final",
        "provisional",
        "provisional",
        "so_far",
    ]
    assert document["left_out"] == {"service_account": 1, "system": 2000}


@pytest.mark.parametrize(
    ("per", "starts", "words"),
    [
        ("week", ((2026, 1, 12), (2026, 1, 19), (2026, 1, 26)), ["final", "final", "so far"]),
        ("month", ((2025, 11, 1), (2025, 12, 1), (2026, 1, 1)), ["final", "final", "so far"]),
    ],
)
def test_weeks_or_months_are_final_one_by_one(
    per: str, starts: tuple[tuple[int, int, int], ...], words: list[str]
) -> None:
    """Where a parameter says which, each row is as final as the week or month it speaks of; a cohort's, n later."""
    rows: tuple[Row, ...] = tuple((date(*start), 9, 1, 8, 0, 0) for start in starts)
    found = result(*rows, report="lifecycle", per=per, since="2025-11-01")
    assert [state.words for state in found.states] == words
    first = date(*starts[0])
    cohorts: tuple[Row, ...] = tuple((first, 9, after, 1, 11.1) for after in range(3))
    assert [state.words for state in result(*cohorts, report="retention_cohorts", per=per).states] == words


def test_numbers_read_as_their_unit_says() -> None:
    """Percent with its sign, other numbers with two digits; files keep all that is known."""
    text = HEADER.replace("things: {type: integer, unit: things", "things: {type: number, unit: percent")
    question = ask(parse("things", text), Caller.operator(), {"org": "acme"}, store=PlainStore(), now=NOW)
    shown = Result(question, ((1 / 3,), (-1234.0,), (None,)), NOW, LAST, 0.0)
    cells = [line.strip() for line in render.table(shown).splitlines()[4:7]]
    assert cells == ["0.3 %", "-1,234.0 %", "-"]
    assert render.csv(shown) == 'things\r\n0.333333333333\r\n-1234\r\n""\r\n'
    assert [row["things"] for row in json.loads(render.json(shown))["rows"]] == [1 / 3, -1234.0, None]
