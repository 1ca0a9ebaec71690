"""The list of an organisation's people on a page: who is wanted, page by page, and where they stand (WD1-WD7, WS1)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from trailhouse.queries.dashboard.address import link
from trailhouse.queries.dashboard.figure import ago, day, moment
from trailhouse.queries.dashboard.freshness import freshness_of
from trailhouse.queries.dashboard.site import Site, Visit
from trailhouse.queries.directory import KINDS, Directory, Person, Wanted, read_directory, record_reading
from trailhouse.queries.errors import BadParameter, MissingScope
from trailhouse.queries.key import Scope
from trailhouse.queries.standing import SEMANTICS, Status, last_active_cell
from trailhouse.queries.store import ClickHouseStore
from trailhouse.queries.zones import find_zone

PEOPLE_MAX: Final = 50
PAGE_MAX: Final = 100_000
#: What an address says of whom its page lists.
OWN: Final = ("org", "company", "of", "timezone", "search", "status", "kind", "sort")
#: Where the list is on a page that has more than it.
PLACE: Final = "#people"
_EXPLAINED: Final = {
    Status.ACTIVE: "has been active; the time is that of the latest activity",
    Status.DORMANT: "not active in the last 6 months",
    Status.NEVER_ACTIVE: "not yet active within this organization",
    Status.INVITE_PENDING: "invitation sent, not yet accepted",
    Status.DEACTIVATED: "an admin revoked the access",
}


def people_of(
    site: Site, visit: Visit, page: str, more: tuple[str, ...] = ()
) -> Callable[[], dict[str, Any]]:
    """What reads the list for the page `page` once what stands around it was sent; `more` is what that page's address says of itself.

    Raises at once `BadParameter` and `MissingScope`.
    """
    asked, number = wanted(site, visit), _page_number(visit.params.get("page"))
    if asked.search is not None and not visit.visitor.caller.read_pii:
        raise MissingScope(Scope.AUDIT_READ_PII)
    find_zone(asked.timezone or "UTC")
    place = PLACE if page else ""

    def look() -> dict[str, Any]:
        with site.shared.client() as client:  # before the people are: they are at least as fresh as that
            landed = ClickHouseStore(client).landed_until()
        found = find(site, visit, asked)
        record_reading(site.audit, visit.visitor.who, visit.visitor.caller, found, "html")
        of = {name: visit.state.get(name) for name in OWN}
        state = of | {name: visit.state.get(name) for name in more}
        return {
            "page": page,
            "place": place,
            "state": state,
            "found": found,
            "wanted": asked,
            "can_search": visit.visitor.caller.read_pii,
            "freshness": freshness_of(landed, visit.now, found.timezone),
            "menu": {
                "title": "Users",
                "csv": link("users.csv", of),
                "json": link("users.json", of),
                "sql": link("users.sql", of),
                "events": link("log", {name: visit.state.get(name) for name in ("org", "timezone")}),
                "self": link(page, state) + place,
            },
            **_choices(lambda **changes: link(page, state, **changes) + place),
            **_page_of(found, number, visit.now, lambda shown: link(page, state, page=str(shown)) + place),
        }

    return look


def _choices(to: Callable[..., str]) -> dict[str, Any]:
    """What the list can be asked for, each with its address."""
    return {
        "statuses": [(status, _EXPLAINED[status], to(status=status.value)) for status in Status],
        "any_status": to(status=None),
        "kinds": [(kind, kind.replace("_", " ").capitalize(), to(kind=kind)) for kind in KINDS],
        "sorts": {name: to(sort=name) for name in ("name", "last_active", "added", "active_days")},
    }


def _page_of(found: Directory, number: int, now: datetime, to: Callable[[int], str]) -> dict[str, Any]:
    """The `number`th page of those who were found; beyond the last it is the last."""
    number = max(1, min(number, -(-len(found.people) // PEOPLE_MAX)))
    start = (number - 1) * PEOPLE_MAX
    end = min(start + PEOPLE_MAX, len(found.people))
    return {
        "people": [_row(each, now) for each in found.people[start:end]],
        "first": start + 1 if found.people else 0,
        "last": end,
        "older": to(number - 1) if number > 1 else "",
        "newer": to(number + 1) if end < len(found.people) else "",
    }


def _row(person: Person, now: datetime) -> dict[str, Any]:
    """A person as a row: the cell Last Active as the seeds word it, and what hovering over it tells (WD7)."""
    at = person.last_active
    cell = last_active_cell(person.status, ago(at, now) if at else "")
    added = day(person.added) if person.added else "not known"
    days = f"{person.active_days:,} active day{'' if person.active_days == 1 else 's'}"
    seen = [f"Last active {moment(at)}"] if at else []
    return {
        "person": person,
        "initial": (person.name or person.user or "?")[0].upper(),
        "cell": cell,
        "hover": "\n".join([_EXPLAINED[person.status].capitalize(), *seen, f"Added {added}", days]),
        "added": added,
    }


def wanted(site: Site, visit: Visit) -> Wanted:
    """Who is asked for; raises `BadParameter`."""
    params = visit.params
    return Wanted(
        org=visit.org,
        kind=params.get("kind") or "people",
        status=params.get("status") or None,
        search=params.get("search") or None,
        sort=params.get("sort") or "last_active",
        timezone=site.zone(visit),
    )


def find(site: Site, visit: Visit, asked: Wanted) -> Directory:
    """Who was found; raises `QueryError`."""
    with site.shared.client() as client:
        return read_directory(
            client,
            visit.visitor.caller,
            asked,
            semantics=SEMANTICS[site.settings.profile],
            now=visit.now,
        )


def _page_number(text: str | None) -> int:
    """Which page is asked for."""
    if not text:
        return 1
    if not text.isdecimal() or not text.isascii() or not 1 <= int(text) <= PAGE_MAX:
        raise BadParameter("page", text, f"a whole number from 1 to {PAGE_MAX}")
    return int(text)
