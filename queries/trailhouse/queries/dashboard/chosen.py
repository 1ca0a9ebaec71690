"""Which organisations a page is about: one, several, all that the visitor may choose from, or a company's. Pure.

In the address: `?org=acme`, `?org=acme&org=beta`, `?org=*`, `?company=initech`; `of=beta` says which of several a page
shows that is about one. Rights decide, never the address alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from trailhouse.queries.caller import Caller
from trailhouse.queries.dashboard.visitor import ALL_ORGS
from trailhouse.queries.errors import BadParameter, OrgNeeded
from trailhouse.queries.orgs import Store, asked_orgs
from trailhouse.sinks.org_settings import OrgSettings

#: Parameters that say so.
NAMES: Final = ("org", "company", "of")


@dataclass(frozen=True, slots=True)
class Chosen:
    """`orgs` are allowed, each of them, and in alphabetical order; `org` is the one of pages about one."""

    orgs: tuple[str, ...]
    org: str
    company: str = ""
    is_all: bool = False

    @property
    def asked(self) -> dict[str, str]:
        """As a report is asked."""
        return {"company": self.company} if self.company else {"org": ",".join(self.orgs)}

    @property
    def place(self) -> dict[str, str]:
        """As an address says it; `*` stays `*`, so that a link shows everybody all of their own."""
        return {"org": ALL_ORGS} if self.is_all else self.asked

    @property
    def words(self) -> str:
        """In the head of the page."""
        if self.company:
            return self.company
        if self.is_all:
            return "All organizations"
        return self.org if len(self.orgs) == 1 else f"{len(self.orgs)} organizations"


def choose(params: Mapping[str, str], caller: Caller, store: Store) -> Chosen:
    """The organisations of an address; raises `BadParameter`, `OrgNeeded` and `NotAllowed`."""
    asked = {name: params[name] for name in ("org", "company") if params.get(name)}
    is_all = asked.get("org") == ALL_ORGS
    if is_all:
        if not caller.is_known:
            raise OrgNeeded(None)
        every = store.orgs() if caller.orgs is None else sorted(caller.orgs)
        if not every:
            raise OrgNeeded(())
        asked = {**asked, "org": ",".join(every)}
    orgs = asked_orgs(asked, caller, store, is_for_instance=False).orgs
    one = params.get("of") or orgs[0]
    if one not in orgs:
        raise BadParameter("of", one, "one of the organizations of this page: " + ", ".join(orgs[:10]))
    return Chosen(orgs, one, asked.get("company", ""), is_all)


def companies_of(said: Iterable[OrgSettings], orgs: Sequence[str]) -> list[str]:
    """The companies all of whose organisations are among `orgs`, of which there is more than one."""
    members: dict[str, set[str]] = {}
    for each in said:
        if each.company:
            members.setdefault(each.company, set()).add(each.org_id)
    return sorted(name for name, own in members.items() if len(own) > 1 and own <= set(orgs))
