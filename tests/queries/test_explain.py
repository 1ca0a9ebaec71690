"""Every number opens to its events: for every report and every row, what is listed adds up to what is shown."""

from __future__ import annotations

from datetime import UTC, date, datetime
from random import Random
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from zlib import crc32

import pytest
from tests.queries.conftest import ORGS, World
from tests.queries.plain_store import PlainStore

from trailhouse.queries.caller import Caller
from trailhouse.queries.errors import BadParameter, UnknownParameter, UnreadableRow
from trailhouse.queries.explain import LIMIT, ROW, explain, link_of, names_of_row, read_row
from trailhouse.queries.question import ask
from trailhouse.queries.reports import load
from trailhouse.queries.runner import Result, run
from trailhouse.queries.store import ClickHouseStore

REPORTS = load()
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
OPERATOR = Caller.operator()
# Rows of each answer that are opened: each costs two queries.
ROWS = 3
PERIODS = (
    {"since": "2010-01-01", "until": "2026-05-31", "timezone": "America/St_Johns"},
    {"since": "2021-03-21T20:31:07.250Z", "until": "2025-03-30", "timezone": "Asia/Tehran"},
)


def answered(world: World, name: str, period: dict[str, str], **params: str) -> Result:
    report = REPORTS[name]
    most = {each.name: str(each.maximum) for each in report.parameters if each.name == "limit"}
    return run(
        world.client, report, OPERATOR, {"org": ",".join(ORGS[:2]), **period, **most, **params}, now=NOW
    )


def by_link(world: World, name: str, link: str) -> Any:
    """What the API answers to a row's link, whenever it is asked."""
    asked = dict(parse_qsl(urlsplit(link).query, keep_blank_values=True))
    row = read_row(REPORTS[name], asked)
    later = datetime(2027, 1, 1, tzinfo=UTC)
    question = ask(
        REPORTS[name],
        OPERATOR,
        {key: value for key, value in asked.items() if not key.startswith(ROW)},
        store=ClickHouseStore(world.client),
        now=later,
    )
    return explain(world.client, question, row, asked_at=later)


@pytest.mark.usefixtures("kept_answers")
@pytest.mark.parametrize("name", REPORTS)
def test_what_is_listed_adds_up_to_what_is_shown(world: World, name: str) -> None:
    """For the first rows and some others, by the link that JSON has, from another year: the same number."""
    report, random = REPORTS[name], Random(crc32(name.encode()))
    for period in PERIODS:
        result = answered(world, name, period)
        numbers = range(len(result.rows))
        for number in {*numbers[:1], *random.sample(numbers, min(ROWS, len(numbers)))}:
            values = result.values(number)
            link = link_of(result.question, values)
            if link is None:
                continue
            found = by_link(world, name, link)
            assert len(found.rows) == min(found.total, LIMIT)
            assert list(found.rows) == sorted(found.rows, key=lambda row: (row[0], row[3]))
            assert {row[4] for row in found.rows} <= {*ORGS[:2], ""}
            if report.explain.column:
                shown = values[report.explain.column]
                assert (shown or 0) == pytest.approx(found.figure or 0), (values, found.row, found.total)


def test_a_row_that_counts_something_has_events(world: World) -> None:
    """The check above would also hold for reports that count nothing."""
    for name in ("active_users", "weekly_active_users", "most_active_users", "events_by_action"):
        result = answered(world, name, PERIODS[0])
        counted = [number for number, row in enumerate(result.rows) if row[-1] or name == "active_users"]
        link = link_of(result.question, result.values(counted[0]))
        assert link is not None
        assert by_link(world, name, link).total > 0


def test_explaining_needs_the_rows_own_values() -> None:
    """Missing, unknown and unreadable ones are named."""
    report = REPORTS["users_active_over_time"]
    assert [column.name for column in names_of_row(report)] == ["day"]
    assert read_row(report, {"row.day": "2026-01-31"}) == {"day": date(2026, 1, 31)}
    with pytest.raises(BadParameter, match=r"row\.day is ''"):
        read_row(report, {})
    with pytest.raises(BadParameter, match=r"row\.day is 'soon'"):
        read_row(report, {"row.day": "soon"})
    with pytest.raises(UnknownParameter, match=r"takes no parameter row\.week"):
        read_row(report, {"row.day": "2026-01-31", "row.week": "1"})


def test_a_value_that_cannot_be_read_is_not_told(world: World) -> None:
    """It may be who somebody is: the columns are named, their values are not."""
    report = REPORTS["actions_by_user"]
    question = ask(report, OPERATOR, {"org": ORGS[0]}, store=ClickHouseStore(world.client), now=NOW)
    row = {"org": ORGS[0], "ref": "ann@example.org"}
    with pytest.raises(UnreadableRow) as raised:
        explain(world.client, question, row, asked_at=NOW)
    assert str(raised.value) == "the row cannot be found by its org, ref"
    assert "ann@" not in f"{raised.value!r} {raised.value.hint} {raised.value.shown}"


def test_a_link_names_the_row_and_an_absolute_period() -> None:
    """Not the row's place, and no `last`: tomorrow it is about the same time."""
    question = ask(
        REPORTS["users_active_over_time"],
        OPERATOR,
        {"org": "acme", "last": "7d"},
        store=PlainStore(),
        now=NOW,
    )
    link = link_of(question, {"day": date(2026, 5, 30), "active_users": 3})
    assert link == (
        "/api/v1/reports/users_active_over_time/explain?org=acme&since=2026-05-26&until=2026-06-01"
        "&timezone=UTC&week_start=monday&actors=people&row.day=2026-05-30"
    )
    assert link_of(question, {"day": None, "active_users": 3}) is None
