"""What the forms of the page Settings do: each checks who asks, reads its fields, and does it through the `office`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from trailhouse.producers.settings import Secret
from trailhouse.queries.dashboard.site import Site, Visit
from trailhouse.queries.delegation import check_admin, check_given, is_within
from trailhouse.queries.errors import BadParameter, MissingScope, QueryError, UnknownKey
from trailhouse.queries.key import Key, Scope, new_key, parse_life
from trailhouse.queries.key_table import find_keys
from trailhouse.queries.office import Office, OrgChange
from trailhouse.sinks.errors import RetentionRefused
from trailhouse.sinks.retention import BACKUPS, CLASSES, DAYS_MAX, Policy

#: What was done, in words, by the word that stands for it in the address.
DONE: Final = MappingProxyType(
    {
        "revoked": "The key is revoked. It opens nothing any more.",
        "default": "Saved: calls of your key that name no organization are about this one now.",
        "no-default": "Saved: calls of your key have to name an organization now.",
        "own-default": "Saved: pages whose address names no organization are about this one now.",
        "no-own-default": "Saved: pages whose address names no organization ask for one now.",
        "org": "Saved: reports that name no time zone or week use these now.",
        "retention": "Saved. What is due goes when `trailhouse retention apply` runs next.",
    }
)


class ReadOnly(QueryError):
    """The dashboard may not write settings here."""

    status = 403
    title = "Settings cannot be changed here"

    def __init__(self) -> None:
        super().__init__(
            "this dashboard may not write settings",
            "whoever runs it sets TRAILHOUSE_API_SETTINGS_DSN, or uses `trailhouse keys`, `orgs` and `retention`",
        )


@dataclass(frozen=True, slots=True)
class Done:
    """What was done: a word of `DONE`, or the key that was made with its text, which is shown this once."""

    word: str = ""
    key: Key | None = None
    secret: Secret | None = None


def make_key(site: Site, visit: Visit, form: Mapping[str, str]) -> Done:
    """A key of one's own organisations, with no more rights than one has."""
    own = check_admin(visit.visitor.key, visit.org)
    life = form.get("expires", "").strip()
    key, secret = new_key(
        form.get("username", "").strip(),
        [each.strip() for each in form.get("orgs", "").split(",") if each.strip()],
        [scope for scope in Scope if f"scope.{scope}" in form],
        now=visit.now,
        life=parse_life(life) if life else None,
        is_service_account="service_account" in form,
        default_org=form.get("default_org", "").strip(),
    )
    check_given(key, own, may_outlive=visit.visitor.is_person)
    if not site.door.sessions.spend(form["token"]):
        raise BadParameter(
            "token", "of a form that was sent before", "open Settings and fill it in once more"
        )
    with _office(site, visit) as office:
        office.make_key(key)
    return Done(key=key, secret=secret)


def revoke_key(site: Site, visit: Visit, form: Mapping[str, str]) -> Done:
    """A key all of whose organisations are one's own; of any other it is not said whether there is one."""
    own = check_admin(visit.visitor.key, visit.org)
    key_id = form.get("key_id", "")
    with _office(site, visit) as office:
        (key,) = find_keys(office.client, [key_id])
        if not is_within(key, own):
            raise UnknownKey(key_id)
        office.revoke_keys([key_id], visit.now)
    return Done("revoked")


def choose_default(site: Site, visit: Visit, form: Mapping[str, str]) -> Done:
    """Of one's own key, or one's own as a person (WA6): everybody's own affair, it gives no right."""
    own, org = visit.visitor.key, form.get("default_org", "")
    if own is None:
        raise BadParameter("default_org", org, "somebody who signed in")
    with _office(site, visit) as office:
        if visit.visitor.is_person:
            office.choose_persons_org(own.key_id, org, visit.visitor.orgs)
            return Done("own-default" if org else "no-own-default")
        office.choose_default_org(own.key_id, org)
    return Done("default" if org else "no-default")


def change_org(site: Site, visit: Visit, form: Mapping[str, str]) -> Done:
    """Time zone and first day of the week; the company, which makes other organisations' figures, is for operators."""
    check_admin(visit.visitor.key, visit.org)
    company = form.get("company")
    if company is not None and not visit.visitor.caller.is_operator:
        raise MissingScope(Scope.ADMIN)
    change = OrgChange(
        visit.org,
        form.get("org_timezone", "").strip(),
        form.get("week_start", ""),
        None if company is None else company.strip(),
    )
    change.checked()
    with _office(site, visit) as office:
        office.change_org(change)
    return Done("org")


def keep_days(site: Site, visit: Visit, form: Mapping[str, str]) -> Done:
    """How long one class of the organisation's data is kept."""
    check_admin(visit.visitor.key, visit.org)
    text = form.get("days", "").strip()
    wanted = f"a whole number of days from 0 (for ever) to {DAYS_MAX}"
    if not (text.isascii() and text.isdecimal()) or len(text) > 6:
        raise BadParameter("days", text, wanted)
    name = form.get("class", "")
    if name not in CLASSES or name == BACKUPS:
        raise BadParameter("class", name, "one of " + ", ".join(each for each in CLASSES if each != BACKUPS))
    try:
        with _office(site, visit) as office:
            office.keep_days(Policy(visit.org, name, int(text), visit.visitor.who.username))
    except RetentionRefused:
        raise BadParameter("days", text, wanted) from None
    return Done("retention")


#: The forms, by the last part of their address.
DEEDS: Final[Mapping[str, Callable[[Site, Visit, Mapping[str, str]], Done]]] = MappingProxyType(
    {
        "make-key": make_key,
        "revoke-key": revoke_key,
        "default-org": choose_default,
        "org": change_org,
        "retention": keep_days,
    }
)


@contextmanager
def _office(site: Site, visit: Visit) -> Iterator[Office]:
    if site.writers is None:
        raise ReadOnly
    try:
        with site.writers.client() as client:
            yield Office(client, site.audit, visit.visitor.who)
    finally:
        site.shared.forget()
