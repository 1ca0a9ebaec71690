"""Whose data a question is about: one organisation, several, a company's, or all of the installation's.

Which they are decides the caller's rights, never text alone; what is said of them decides the time zone and the first
day of the week where the question names none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from trailhouse.producers.event import ORG_ID
from trailhouse.queries.caller import Caller
from trailhouse.queries.errors import BadParameter, NotAllowed, OrgNeeded
from trailhouse.sinks.org_settings import WEEKDAYS, OrgSettings

DEFAULT_TIMEZONE: Final = "UTC"
DEFAULT_WEEK_START: Final = 1
ORGS_MAX: Final = 1_000
COMPANY_MAX: Final = 128


class Store(Protocol):
    """What must be looked up before some questions are complete."""

    def orgs(self) -> list[str]:
        """Every organisation with a stored event, in alphabetical order."""
        ...

    def settings(self, orgs: Sequence[str]) -> list[OrgSettings]:
        """What is said of these organisations; those of which nothing is said are left out."""
        ...

    def company(self, name: str) -> list[str]:
        """The organisations of a company, in alphabetical order."""
        ...

    def first_event(self, org: str) -> datetime | None:
        """When the organisation's first event occurred; None when it has none."""
        ...

    def knows(self, org: str) -> bool:
        """Whether an event names it."""
        ...

    def first_reject(self, org: str) -> datetime | None:
        """When the organisation's first rejected record arrived, "" = anybody's; None when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class OrgSet:
    """The organisations, in alphabetical order and all of them allowed; none = the whole installation."""

    orgs: tuple[str, ...]
    company: str = ""
    settings: tuple[OrgSettings, ...] = ()

    def timezone(self, asked: str | None) -> tuple[str, str]:
        """The name of the time zone whose days count, and why it is that one; '' = it was asked for."""
        if asked is not None:
            return asked, ""
        found = {self._of(org).timezone or DEFAULT_TIMEZONE for org in self.orgs}
        if len(found) > 1:
            return DEFAULT_TIMEZONE, "UTC, as the organisations have different time zones: name one"
        name = next(iter(found), DEFAULT_TIMEZONE)
        is_said = any(each.timezone for each in self.settings)
        return name, self._said("time zone") if is_said else ""

    def week_start(self, asked: str | None) -> tuple[int, str]:
        """The first day of a week, 1 = Monday … 7 = Sunday, and why it is that one; '' = asked for, or Monday."""
        if asked is not None:
            return read_week_start(asked), ""
        found = {self._of(org).week_start or DEFAULT_WEEK_START for org in self.orgs}
        if len(found) > 1:
            return (
                DEFAULT_WEEK_START,
                "weeks from Monday, as the organisations' begin on different days: name one",
            )
        start = next(iter(found), DEFAULT_WEEK_START)
        is_said = start != DEFAULT_WEEK_START
        return start, f"weeks from {WEEKDAYS[start - 1].title()}, {self._said('setting')}" if is_said else ""

    def _of(self, org: str) -> OrgSettings:
        return next((each for each in self.settings if each.org_id == org), OrgSettings(org))

    def _said(self, what: str) -> str:
        return f"the {what} of {self.orgs[0] if len(self.orgs) == 1 else 'these organisations'}"


def asked_orgs(params: Mapping[str, str], caller: Caller, store: Store, *, is_for_instance: bool) -> OrgSet:
    """The organisations of `org` (several with commas) or `company`; without either the caller's only or default organisation.

    Where `is_for_instance`, operators who name none ask about the whole installation. Raises `BadParameter`, and
    `NotAllowed` for an organisation the caller may not read; nothing is looked up about that one.
    """
    company = params.get("company", "")
    if "company" in params:
        if "org" in params:
            raise BadParameter("company", company, "either company or org, not both")
        orgs = _company(company, caller, store)
    elif "org" not in params and caller.is_operator and is_for_instance:
        return OrgSet(())
    else:
        orgs = _named(params["org"], caller) if "org" in params else (org_of(None, caller, store),)
    return OrgSet(orgs, company, tuple(store.settings(orgs)))


def org_of(asked: str | None, caller: Caller, store: Store) -> str:
    """The organisation asked for, or the only one the caller may read; raises `BadParameter` and `NotAllowed`."""
    if asked is not None:
        check_org(asked)
        caller.check(asked)
        return asked
    if caller.default_org:
        caller.check(caller.default_org)
        return caller.default_org
    orgs = sorted(caller.orgs) if caller.orgs is not None else store.orgs()
    if len(orgs) != 1:
        raise OrgNeeded(orgs if caller.is_known else None)
    return orgs[0]


def check_org(text: str) -> None:
    """Raise `BadParameter` for what is no organisation's id: such text gets into no query, header or record."""
    if not ORG_ID.fullmatch(text):
        raise BadParameter("org", text, "an organisation's id: 1-128 of A-Z a-z 0-9 . _ : -")


def unknown_among(about: OrgSet, caller: Caller, store: Store) -> frozenset[str]:
    """Those of which nobody has heard: no right, no setting and no event names them."""
    known = {*(caller.orgs or ()), *(each.org_id for each in about.settings)}
    return frozenset(org for org in about.orgs if org not in known and not store.knows(org))


def read_week_start(text: str) -> int:
    """The number of a day of the week, 1 = Monday … 7 = Sunday; raises `BadParameter`."""
    if text not in WEEKDAYS:
        raise BadParameter("week_start", text, "one of " + ", ".join(WEEKDAYS))
    return WEEKDAYS.index(text) + 1


def check_company(text: str) -> None:
    """Raise `BadParameter` for what can be no company's name."""
    if len(text) > COMPANY_MAX or not text.isprintable() or text != text.strip():
        raise BadParameter(
            "company", text, f"1 to {COMPANY_MAX} printable characters, none of them a space at an end"
        )


def _named(text: str, caller: Caller) -> tuple[str, ...]:
    names = sorted(set(text.split(",")))
    if len(names) > ORGS_MAX:
        raise BadParameter("org", text, f"at most {ORGS_MAX} organisations")
    for name in names:
        check_org(name)
    for name in names:
        caller.check(name)
    return tuple(names)


def _company(name: str, caller: Caller, store: Store) -> tuple[str, ...]:
    """Its organisations: all of them or nothing. Who may not read each of them is not told that there are any."""
    orgs = store.company(name) if name else []
    if not orgs and caller.orgs is None:
        raise BadParameter("company", name, "a company that organisations are set to: trailhouse orgs list")
    if not orgs or (caller.orgs is not None and not caller.orgs.issuperset(orgs)):
        raise NotAllowed(name, what="company")
    return tuple(orgs)
