"""A table that a page makes itself, of keys or channels: what its menu needs, and its rows as a file has them. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from trailhouse.queries.dashboard.address import link
from trailhouse.queries.dashboard.site import Site, Visit
from trailhouse.queries.header import Column
from trailhouse.queries.key import Scope
from trailhouse.queries.value import Row

#: What a file of it may be.
FORMS: Final = ("csv", "json")


@dataclass(frozen=True, slots=True)
class Sheet:
    """Such a table of the page `page`, whose element `name` shows it; who has `scope` may have it as a file.

    `read` gives the rows of the visit's organisation, as `columns` say, and raises `QueryError`; `to_sql` gives the
    statement that is read with, its values in it. `changes` is the filter of the audit log that finds who changed it.
    """

    name: str
    title: str
    page: str
    scope: Scope
    question: str
    counts: str
    changes: str
    columns: tuple[Column, ...]
    read: Callable[[Site, Visit], tuple[Row, ...]]
    to_sql: Callable[[Visit], str]
    #: Where the API tells the same, with the organisation in it; '' = it does not.
    api: Callable[[Visit], str] = lambda _: ""


@dataclass(frozen=True, slots=True)
class Rows:
    """A sheet's rows at a moment, for `render`."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


def menu(sheet: Sheet, visit: Visit) -> dict[str, str]:
    """Where a sheet's menu leads: its files, its SQL, who changed it, itself."""
    place = {"org": visit.org, "timezone": visit.params.get("timezone")}
    may_read = visit.visitor.allows(Scope.AUDIT_READ)
    return {
        **{form: link(f"sheet/{sheet.name}.{form}", place) for form in FORMS},
        "title": sheet.title,
        "sql": link(f"sheet/{sheet.name}.sql", place),
        "events": link("log", {**place, "action": sheet.changes, "own": "1"}) if may_read else "",
        "self": link(sheet.page, place) + f"#{sheet.name}",
    }
