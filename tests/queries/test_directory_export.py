from __future__ import annotations

import csv as csv_reader
import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from trailhouse.queries.directory import Directory, Person
from trailhouse.queries.directory_export import (
    COLUMNS,
    TABLE_COLUMNS,
    csv,
    document,
    fields,
    ndjson,
    table_row,
)
from trailhouse.queries.standing import Status

GOLDEN = Path(__file__).parent / "golden" / "users_export.csv"
ANN = Person(
    mask="u_00000000000000aa",
    user="ann",
    name='Ann "Ace" Abel',
    email="ann@example.org",
    kind="user",
    role="admin",
    seat="Full",
    teams=("Data", "Vision"),
    workspaces=("atlas",),
    status=Status.ACTIVE,
    added=date(2025, 12, 1),
    last_active=datetime(2026, 3, 1, 9, 30, 15, 250_000, UTC),
    last_login=datetime(2026, 3, 1, 8, 0, tzinfo=UTC),
    active_days=1234,
    reports=3,
    runs=41,
)
NOBODY_YET = replace(
    ANN,
    mask="u_00000000000000bb",
    user="mia@example.org",
    name="",
    email="mia@example.org",
    role="",
    seat="",
    teams=(),
    workspaces=(),
    status=Status.INVITE_PENDING,
    last_active=None,
    last_login=None,
    active_days=0,
    reports=0,
    runs=0,
)
DORMANT = replace(
    NOBODY_YET, user="=cmd|' /C calc'!A0", name="+1, Zoë", teams=("@sum",), status=Status.DORMANT
)
DORMANT = replace(
    DORMANT, last_active=datetime(2024, 2, 29, tzinfo=UTC), email="-x@example.org", role="\tmember"
)
GONE = replace(ANN, user="leo", name="Leo", status=Status.DEACTIVATED)
QUIET = replace(NOBODY_YET, user="quiet", status=Status.NEVER_ACTIVE, added=None)
PEOPLE = (ANN, NOBODY_YET, DORMANT, GONE, QUIET)


def test_the_export_is_the_golden_file() -> None:
    """Byte for byte: the eleven columns in W&B's order, texts quoted, numbers bare, formulas made harmless."""
    assert csv(PEOPLE).encode() == GOLDEN.read_bytes()


def test_the_header_is_wandbs() -> None:
    """As its documentation has it (WD14), every name in double quotes."""
    header = csv([]).removesuffix("\r\n")
    assert header == (
        '"Name","Username","Last active","Role","Email","Teams","Status","Number of Reports","Number of Runs",'
        '"Number of active days","Models Seat"'
    )


def test_no_cell_is_run_by_a_spreadsheet() -> None:
    """Nothing read back begins like a formula, and nothing else is changed."""
    rows = list(csv_reader.reader(io.StringIO(csv(PEOPLE), newline="")))
    assert [len(row) for row in rows] == [len(COLUMNS)] * 6
    assert [cell for row in rows for cell in row if cell[:1] in set("=+-@\t\r\n")] == []
    assert rows[3][:2] == ["'+1, Zoë", "'=cmd|' /C calc'!A0"]
    assert rows[1][0] == 'Ann "Ace" Abel'


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.status)
def test_a_person_as_json(person: Person) -> None:
    """A status with a name of its own, beside what W&B's page shows; what is not known is null."""
    found = json.loads(ndjson([person]))
    assert found == fields(person)
    assert found["status"] == person.status.value
    assert (
        found["last_active_shown"]
        == {
            Status.ACTIVE: "2026-03-01T09:30:15.250Z",
            Status.DORMANT: "-",
            Status.NEVER_ACTIVE: "-",
            Status.INVITE_PENDING: "Invite pending",
            Status.DEACTIVATED: "Deactivated",
        }[person.status]
    )
    assert "" not in found.values()


def test_the_whole_says_how_many_there_are_of_each() -> None:
    """Counts are of all who were found, also where a page of them is shown (K3)."""
    whole = Directory("acme", "self_managed", "UTC", datetime(2026, 3, 15, tzinfo=UTC), PEOPLE, 9)
    found = document(whole, PEOPLE[:2])
    assert (found["total"], found["found"], len(found["users"])) == (9, 5, 2)
    assert found["statuses"] == dict.fromkeys((each.value for each in Status), 1)
    assert document(whole)["users"] == [fields(each) for each in PEOPLE]


def test_a_row_of_the_table() -> None:
    """Times to the minute, thousands apart; what there is not is a hyphen, and nothing can steer a terminal."""
    rows = [dict(zip(TABLE_COLUMNS, table_row(each), strict=True)) for each in PEOPLE]
    assert rows[0]["last active"] == "2026-03-01 09:30"
    assert (rows[0]["active days"], rows[0]["teams"]) == ("1,234", "Data, Vision")
    assert [row["last active"] for row in rows[1:]] == [
        "invite pending",
        "2024-02-29 00:00 (dormant)",
        "deactivated",
        "never active",
    ]
    assert (rows[1]["name"], rows[4]["added"]) == ("-", "-")
    assert "\x1b" not in "".join(table_row(replace(ANN, name="\x1b[2J")))
