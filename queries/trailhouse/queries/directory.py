"""The directory: everybody of an organisation, where they stand and what they did, as whoever asks may see it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from importlib.resources import files
from typing import Any, Final
from zoneinfo import ZoneInfo

from trailhouse.queries.caller import Caller
from trailhouse.queries.errors import BadParameter, MissingScope
from trailhouse.queries.key import Scope
from trailhouse.queries.orgs import OrgSet, org_of
from trailhouse.queries.periods import Last, between, first_day
from trailhouse.queries.question import filled
from trailhouse.queries.self_audit import SelfAudit, Who
from trailhouse.queries.standing import SELF_MANAGED, SEMANTICS, Semantics, Status, status_of
from trailhouse.queries.store import ClickHouseStore, our_errors
from trailhouse.queries.zones import find_zone
from trailhouse.sinks.clickhouse import Client

DORMANT_AFTER: Final = Last(6, "m")
KINDS: Final = ("people", "service_accounts", "all")
# Formats in which the directory leaves for somewhere else.
FILES: Final = frozenset({"csv", "ndjson"})
_SQL: Final = files("trailhouse.queries").joinpath("directory.sql")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of an organisation, as the caller may see them; times are in the zone asked for.

    `user` is the actor id, else the e-mail, else the mask; `mask` is `u_` and a keyed hash. Where personal data may not
    be read, `user` is the mask, `name` and `email` are '', and `teams` are ids in place of names. `kind`: user,
    service_account or system. `runs` and `reports` are those created.
    """

    mask: str
    user: str
    name: str
    email: str
    kind: str
    role: str
    seat: str
    teams: tuple[str, ...]
    workspaces: tuple[str, ...]
    status: Status
    added: date | None
    last_active: datetime | None
    last_login: datetime | None
    active_days: int
    reports: int
    runs: int

    @property
    def is_person(self) -> bool:
        """Whether this is a human being, not a service account or the system itself."""
        return self.kind == "user"


@dataclass(frozen=True, slots=True)
class Directory:
    """Who was found. `total` counts everybody of that kind, found or not; `others` of them are no human beings."""

    org: str
    semantics: str
    timezone: str
    asked_at: datetime
    people: tuple[Person, ...]
    total: int
    others: int = 0

    def count(self, status: Status) -> int:
        """How many of `people` have that status."""
        return sum(each.status is status for each in self.people)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who is asked for, in a caller's texts; making one with a choice there is not raises `BadParameter`.

    `org` may be left out where there is exactly one; `search` is a part of a name or e-mail; without a `timezone` it is the
    organisation's own, as of reports.
    """

    org: str | None = None
    kind: str = "people"
    status: str | None = None
    search: str | None = None
    sort: str = "name"
    timezone: str | None = None

    def __post_init__(self) -> None:
        chosen = (
            ("kind", self.kind, KINDS),
            ("status", self.status, tuple(Status)),
            ("sort", self.sort, tuple(SORTS)),
        )
        for name, value, choices in chosen:
            if value is not None and value not in choices:
                raise BadParameter(name, value, "one of " + ", ".join(choices))

    def is_of_kind(self, person: Person) -> bool:
        """Whether it is a person, or a service account, as asked for."""
        return self.kind == "all" or person.is_person is (self.kind == "people")

    def matches(self, person: Person) -> bool:
        """Whether they have the status, and what is searched for in their name or e-mail, in any case (K6)."""
        if self.status is not None and person.status != self.status:
            return False
        wanted = _folded(self.search or "")
        return wanted in _folded(person.name) or wanted in _folded(person.email)


def read_directory(
    client: Client,
    caller: Caller,
    wanted: Wanted,
    *,
    semantics: Semantics = SELF_MANAGED,
    now: datetime | None = None,
) -> Directory:
    """The people of one organisation who are wanted, sorted; `now` (default: the clock) says what is long ago.

    Raises `BadParameter`, `NotAllowed`, `MissingScope` (searching for what the caller may not see) and
    `StorageUnavailable`.
    """
    now = datetime.now(UTC) if now is None else now
    if wanted.search is not None and not caller.read_pii:
        raise MissingScope(Scope.AUDIT_READ_PII)
    org, zone = _place(client, caller, wanted)
    bindings = _bindings(client, org, zone, semantics, now)
    active_since = _active_since(now, zone) if semantics.has_dormant else None
    with our_errors():
        rows = client.query(_SQL.read_text(), parameters=bindings).named_results()
        everybody = [_person(row, zone, active_since, is_masked=not caller.read_pii) for row in rows]
    those = [each for each in everybody if wanted.is_of_kind(each)]
    found = sorted_by(wanted.sort, filter(wanted.matches, those))
    others = sum(not each.is_person for each in those)
    return Directory(org, semantics.name, zone.key, now, tuple(found), len(those), others)


def directory_sql(
    client: Client, caller: Caller, wanted: Wanted, *, semantics: Semantics, now: datetime
) -> str:
    """What `read_directory` asks, with its values in it, to be printed; raises as that does.

    Kinds, status, search and order are made of its rows here, and pseudonyms for who may not see people.
    """
    return filled(_SQL.read_text(), _bindings(client, *_place(client, caller, wanted), semantics, now))


def _place(client: Client, caller: Caller, wanted: Wanted) -> tuple[str, ZoneInfo]:
    """Which organisation, and whose days count."""
    if wanted.timezone is not None:
        find_zone(wanted.timezone)  # refused before anything is looked up
    store = ClickHouseStore(client)
    org = org_of(wanted.org, caller, store)
    said = tuple(store.settings([org])) if wanted.timezone is None else ()
    return org, find_zone(OrgSet((org,), settings=said).timezone(wanted.timezone)[0])


def _bindings(
    client: Client, org: str, zone: ZoneInfo, semantics: Semantics, now: datetime
) -> dict[str, Any]:
    first_event = ClickHouseStore(client).first_event(org)
    return {"org": org, **_period(first_event, now, zone, semantics)}


def semantics_of(name: str) -> Semantics:
    """The semantics of that name; raises `BadParameter`."""
    if name not in SEMANTICS:
        raise BadParameter("profile", name, "one of " + ", ".join(SEMANTICS))
    return SEMANTICS[name]


def sorted_by(sort: str, people: Iterable[Person]) -> list[Person]:
    """In one of the orders of `SORTS`; who is equal stays in the order of names."""
    by_name = sorted(people, key=SORTS["name"])
    return by_name if sort == "name" else sorted(by_name, key=SORTS[sort])


def record_reading(audit: SelfAudit, who: Who, caller: Caller, directory: Directory, form: str) -> None:
    """Record that the directory was read; what leaves as a file is an export. Raises `NotRecorded`."""
    is_real = directory.total > 0 or directory.org in (caller.orgs or ())
    audit.record(
        "export:create" if form in FILES else "directory:read",
        directory.org if is_real else None,
        who,
        details={
            "report": "users",
            "asked_org": "" if is_real else directory.org,
            "format": form,
            "rows": len(directory.people),
            "pii_shown": caller.read_pii,
        },
    )


def _period(
    first_event: datetime | None, now: datetime, zone: ZoneInfo, semantics: Semantics
) -> Mapping[str, Any]:
    """All the time whose activity counts, for the server to bind."""
    first = min(first_event or now, now)
    start: date | datetime = first.astimezone(zone).date()
    if semantics.since is not None and first < semantics.since:
        start = min(semantics.since, now)
    period = between(zone, start, now.astimezone(zone).date())
    return {
        "spans": [tuple(span) for span in period.spans],
        "cuts": [tuple(cut) for cut in period.cuts],
    }


def _active_since(now: datetime, zone: ZoneInfo) -> datetime:
    """The first moment of the last six months: the day after the same day six months ago (definitions: last N)."""
    day = first_day(DORMANT_AFTER, now.astimezone(zone).date(), zone, None)
    return datetime.combine(day, time(), zone)


def _person(
    row: Mapping[str, Any], zone: ZoneInfo, active_since: datetime | None, *, is_masked: bool
) -> Person:
    last_active = _moment(row["last_active"], zone)
    mask = f"u_{row['person_ref']:016x}"
    teams = {
        team_id if is_masked else name or team_id.removeprefix("name ")
        for team_id, name in row["teams"]
        if not (is_masked and team_id.startswith("name "))
    }
    return Person(
        mask=mask,
        user=mask if is_masked else row["identity"] or mask,
        name="" if is_masked else row["name"],
        email="" if is_masked else row["email"],
        kind=row["kind"],
        role=row["role"],
        seat=row["seat"],
        teams=tuple(sorted(teams)),
        workspaces=tuple(row["workspaces"]),
        status=status_of(
            is_revoked=bool(row["is_revoked"]),
            invitation=row["invitation"],
            last_active=last_active,
            active_since=active_since,
        ),
        added=_added(row, zone),
        last_active=last_active,
        last_login=_moment(row["last_login"], zone),
        active_days=row["active_days"],
        reports=row["reports"],
        runs=row["runs"],
    )


def _added(row: Mapping[str, Any], zone: ZoneInfo) -> date | None:
    """What a roster said, else when an event added them, else when they were seen first."""
    if row["added_on"]:
        return date.fromisoformat(row["added_on"])
    moment = _moment(row["added_at"] or row["first_seen"], zone)
    return moment.date() if moment else None


def _moment(value: datetime | None, zone: ZoneInfo) -> datetime | None:
    """The driver's UTC is naive."""
    if value is None:
        return None
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(zone)


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()  # the same, and sorting 50 000 names is half of what Python does here
    return unicodedata.normalize("NFC", text.casefold())


def _by_name(person: Person) -> Any:
    return (not person.name, _folded(person.name), _folded(person.user), person.mask)


def _by_last_active(person: Person) -> Any:
    # As a click on W&B's column: the statuses together, the latest first (WD2).
    return list(Status).index(person.status), -person.last_active.timestamp() if person.last_active else 0.0


SORTS: Final[Mapping[str, Callable[[Person], Any]]] = {
    "name": _by_name,
    "last_active": _by_last_active,
    "added": lambda person: -(person.added or date.min).toordinal(),
    "active_days": lambda person: -person.active_days,
}
