"""The directory as files and rows: W&B's eleven columns as CSV (WD14), JSON, JSON lines, and a table for people."""

from __future__ import annotations

import csv as csv_writer
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import orjson

from trailhouse.queries.directory import Directory, Person
from trailhouse.queries.render import FORMULA_STARTS, safe
from trailhouse.queries.standing import Status, last_active_cell
from trailhouse.queries.value import text_of

# In W&B's words and order; clients read them by place.
COLUMNS: Final = (
    "Name",
    "Username",
    "Last active",
    "Role",
    "Email",
    "Teams",
    "Status",
    "Number of Reports",
    "Number of Runs",
    "Number of active days",
    "Models Seat",
)
TABLE_COLUMNS: Final = (
    "name",
    "user",
    "last active",
    "role",
    "teams",
    "added",
    "active days",
    "runs",
    "reports",
    "seat",
    "e-mail",
)


def csv(people: Iterable[Person]) -> str:
    """W&B's export: comma, every text in double quotes, numbers bare, CRLF, the header first (WD13, WD14).

    `Status` has its name in words, never a hyphen; a cell a spreadsheet would run gets a leading apostrophe.
    """
    out = io.StringIO()
    writer = csv_writer.writer(out, quoting=csv_writer.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for each in people:
        writer.writerow(
            [
                _cell(each.name),
                _cell(each.user),
                _time(each.last_active) or "",
                _cell(each.role),
                _cell(each.email),
                _cell("; ".join(each.teams)),
                each.status.words,
                each.reports,
                each.runs,
                each.active_days,
                _cell(each.seat),
            ]
        )
    return out.getvalue()


def document(directory: Directory, page: Sequence[Person] | None = None) -> dict[str, Any]:
    """The directory as one JSON object; `page` = those of its people to show, else all."""
    shown = directory.people if page is None else page
    return {
        "org": directory.org,
        "profile": directory.semantics,
        "timezone": directory.timezone,
        "asked_at": text_of(directory.asked_at.replace(microsecond=0)),
        "total": directory.total,
        "found": len(directory.people),
        "statuses": {status.value: directory.count(status) for status in Status},
        "users": [fields(each) for each in shown],
    }


def fields(person: Person) -> dict[str, Any]:
    """A person as JSON; what is not known is null. `last_active_shown` is the cell W&B's page has there."""
    last_active = _time(person.last_active)
    return {
        "user": person.user,
        "user_ref": person.mask,
        "name": person.name or None,
        "email": person.email or None,
        "kind": person.kind,
        "role": person.role or None,
        "seat": person.seat or None,
        "teams": list(person.teams),
        "workspaces": list(person.workspaces),
        "status": person.status.value,
        "last_active": last_active,
        "last_active_shown": last_active_cell(person.status, last_active or ""),
        "last_login": _time(person.last_login),
        "added": person.added.isoformat() if person.added else None,
        "active_days": person.active_days,
        "reports": person.reports,
        "runs": person.runs,
    }


def ndjson(people: Iterable[Person]) -> bytes:
    """One JSON object per person and line."""
    return b"".join(orjson.dumps(fields(each), option=orjson.OPT_APPEND_NEWLINE) for each in people)


def table_row(person: Person) -> tuple[str, ...]:
    """The cells of `TABLE_COLUMNS` as text for a terminal."""
    cells = (
        person.name or "-",
        person.user,
        _last_active(person),
        person.role or "-",
        ", ".join(person.teams) or "-",
        person.added.isoformat() if person.added else "-",
        f"{person.active_days:,}",
        f"{person.runs:,}",
        f"{person.reports:,}",
        person.seat or "-",
        person.email or "-",
    )
    return tuple(map(safe, cells))


def _last_active(person: Person) -> str:
    if person.status in {Status.ACTIVE, Status.DORMANT} and person.last_active is not None:
        shown = person.last_active.strftime("%Y-%m-%d %H:%M")
        return f"{shown} (dormant)" if person.status is Status.DORMANT else shown
    return person.status.words.lower()


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else text_of(moment)


def _cell(value: str) -> str:
    return f"'{value}" if value[:1] in FORMULA_STARTS else value
