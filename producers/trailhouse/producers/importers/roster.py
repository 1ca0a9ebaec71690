"""Rosters: who belongs to an organisation, read from a CSV file as events about them.

A roster describes one moment. Each of its statements is an ordinary event of that moment, with an id made from what it
says, so that reading it again changes nothing, and that it counts against what other events said by time alone.
Nobody is its actor: being on a list is nobody's activity.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

import orjson

from trailhouse.producers.errors import InvalidEvent
from trailhouse.producers.event import AuditEvent
from trailhouse.producers.field import ORG_ID
from trailhouse.producers.identity import derive_id
from trailhouse.producers.importers.errors import BadMapping
from trailhouse.producers.importers.files import InputFile
from trailhouse.producers.importers.reject import Read, Reject
from trailhouse.producers.importers.rows import csv_rows
from trailhouse.producers.moment import format_time

SOURCE: Final = "roster"
COLUMNS: Final = (
    "user_id",
    "email",
    "name",
    "role",
    "teams",
    "workspaces",
    "seat",
    "status",
    "added",
    "kind",
    "aliases",
    "org_id",
)
# What other products' exports call these, the eleven columns of W&B's among them.
_ALSO: Final = {
    "username": "user_id",
    "models_seat": "seat",
    "date_added": "added",
    "workspace": "workspaces",
    "team": "teams",
}
_STATUSES: Final = {
    "active": "active",
    "invited": "invited",
    "invite pending": "invited",
    "deactivated": "deactivated",
    # Words for how active somebody was say at least that they were let in.
    "dormant": "active",
    "never active": "active",
}
_KINDS: Final = ("user", "service_account")
_SEPARATOR: Final = ";"


@dataclass(frozen=True, slots=True)
class Entry:
    """What a roster says of one person; None = nothing. At least one of `user_id` and `email` is given.

    `teams` and `workspaces` are all of them; a team is (id, name), either of which may be empty.
    """

    user_id: str = ""
    email: str = ""
    name: str = ""
    role: str = ""
    kind: str = ""
    status: str = ""
    added: str = ""
    seat: str | None = None
    teams: Sequence[tuple[str, str]] | None = None
    workspaces: Sequence[str] | None = None
    aliases: Sequence[str] = ()


@dataclass(slots=True)
class Header:
    """Which columns of a file are the roster's (by name), and which are not used."""

    columns: dict[str, str] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)

    def read(self, names: Sequence[str]) -> None:
        """Take a header; raises `BadMapping` when nobody could be known by it."""
        for name in names:
            plain = re.sub(r"[ -]+", "_", name.strip().lower())
            plain = _ALSO.get(plain, plain)
            if plain in COLUMNS and plain not in self.columns:
                self.columns[plain] = name
            elif name.strip():
                self.unused.append(name)
        if not {"user_id", "email"} & set(self.columns):
            raise BadMapping(
                "the roster has neither a column user_id nor a column email",
                "its columns are any of " + ", ".join(COLUMNS),
            )


def read_roster(
    file: InputFile,
    as_of: datetime,
    org_id: str | None = None,
    header: Header | None = None,
    *,
    delimiter: str = ",",
) -> Iterator[Read]:
    """The events of a roster: several per person; a row that cannot be used is a `Reject`.

    `as_of`: the moment it describes. `org_id` is whose it is where no column says so; `header` is filled in. Raises
    `BadMapping` and `UnreadableInput`.
    """
    header = header or Header()
    listed: set[tuple[str, str]] = set()
    for row in csv_rows(file, header.read, delimiter=delimiter):
        if isinstance(row, Reject):
            yield row
            continue
        cells = {name: row.cells[column].strip() for name, column in header.columns.items()}
        try:
            org = _org(cells.get("org_id") or org_id)
            entry = _entry(cells)
            if (who := (org, entry.user_id or entry.email.lower())) in listed:
                raise InvalidEvent("line", "", "names somebody whom the roster has already")
            events = list(roster_events(org, as_of, entry))
        except InvalidEvent as error:
            yield Reject.of(row.line, error, row.raw, row.header)
            continue
        listed.add(who)
        yield from events


def roster_events(org_id: str, as_of: datetime, entry: Entry) -> Iterator[AuditEvent]:
    """What a roster of an organisation says of one person at a moment; raises `InvalidEvent`."""
    said = {
        "user_name": entry.name,
        "role": entry.role,
        "kind": entry.kind,
        "status": entry.status,
        "added": entry.added,
        "lists_teams": "" if entry.teams is None else "yes",
        "lists_workspaces": "" if entry.workspaces is None else "yes",
    }
    attributes = {name: value for name, value in said.items() if value}
    if entry.seat is not None:
        attributes["seat"] = entry.seat
    person = _person(entry.user_id, entry.email)
    yield _event("roster:user", org_id, as_of, person | {"attributes": attributes})
    for team_id, name in entry.teams or ():
        team = {"entity_asset": team_id or None, "entity_name": name or None}
        yield _event("roster:team", org_id, as_of, person | team)
    for workspace in entry.workspaces or ():
        yield _event("roster:workspace", org_id, as_of, person | {"attributes": {"workspace": workspace}})
    main = entry.user_id or entry.email.strip().lower()
    # Who is known by an id may have acted under the address alone.
    others = [_person("", entry.email)] if entry.user_id and entry.email else []
    others += [_alias(each) for each in dict.fromkeys(entry.aliases) if each != main]
    for other in others:
        yield _event("roster:alias", org_id, as_of, other | {"attributes": {"alias_of_user": main}})


def _event(action: str, org_id: str, as_of: datetime, fields: Mapping[str, Any]) -> AuditEvent:
    given = {name: value for name, value in fields.items() if value is not None}
    at = format_time(as_of)
    content = orjson.dumps(given, option=orjson.OPT_SORT_KEYS).decode()
    event_id = derive_id(org_id, SOURCE, at, action, content)
    return AuditEvent.new(action, org_id=org_id, event_id=event_id, occurred_at=at, source=SOURCE, **given)


def _person(user_id: str, email: str) -> dict[str, Any]:
    return {"user_asset": user_id or None, "user_email": email or None}


def _alias(identity: str) -> dict[str, Any]:
    # An address is known by its usual form; whatever is not spelled so was sent as an id.
    is_address = "@" in identity and identity == identity.strip().lower()
    return _person("", identity) if is_address else _person(identity, "")


def _org(text: str | None) -> str:
    if not text or not ORG_ID.fullmatch(text):
        raise InvalidEvent("org_id", text, "must be 1-128 of A-Z a-z 0-9 . _ : -; or say --org")
    return text


def _entry(cells: Mapping[str, str]) -> Entry:
    status, kind = cells.get("status", ""), cells.get("kind", "").lower().replace(" ", "_")
    if not cells.get("user_id") and not cells.get("email"):
        raise InvalidEvent("user_id", "", "or an e-mail must say who it is")
    if status and status.lower() not in _STATUSES:
        raise InvalidEvent("status", status, "must be active, invited or deactivated")
    if kind and kind not in _KINDS:
        raise InvalidEvent("kind", kind, "must be " + " or ".join(_KINDS))
    return Entry(
        user_id=cells.get("user_id", ""),
        email=cells.get("email", ""),
        name=cells.get("name", ""),
        role=cells.get("role", ""),
        kind=kind,
        status=_STATUSES.get(status.lower(), ""),
        added=_day(cells.get("added", "")),
        seat=cells.get("seat"),
        teams=[_team(each) for each in _several(cells["teams"])] if "teams" in cells else None,
        workspaces=_several(cells["workspaces"]) if "workspaces" in cells else None,
        aliases=_several(cells.get("aliases", "")),
    )


def _several(text: str) -> list[str]:
    return [part for each in text.split(_SEPARATOR) if (part := each.strip())]


def _team(text: str) -> tuple[str, str]:
    """`team-7=Vision` is a team with its id, `Vision` one known by its name alone."""
    team_id, equals, name = text.partition("=")
    return (team_id.strip(), name.strip()) if equals else ("", text)


def _day(text: str) -> str:
    if not text:
        return ""
    try:
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        raise InvalidEvent("added", text, "must be a date such as 2026-01-31") from None
