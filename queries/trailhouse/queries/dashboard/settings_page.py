"""The page Settings: one's own rights, keys, what is said of the organisation, how long its data are kept.

Everybody sees it; administrators change it, where the dashboard may write (`TRAILHOUSE_API_SETTINGS_DSN`). The deeds
are in `settings_deed`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from trailhouse.queries.dashboard.address import ROOT, link
from trailhouse.queries.dashboard.figure import moment
from trailhouse.queries.dashboard.frame import redirect
from trailhouse.queries.dashboard.settings_deed import DEEDS, DONE, Done
from trailhouse.queries.dashboard.sheet import Sheet, menu
from trailhouse.queries.dashboard.site import Built, Site, Visit
from trailhouse.queries.dashboard.visitor import read_form
from trailhouse.queries.delegation import is_within
from trailhouse.queries.errors import BadBody, BadParameter, NotAllowed, QueryError
from trailhouse.queries.guest_table import load_default_orgs
from trailhouse.queries.header import Column
from trailhouse.queries.key import Key, Scope
from trailhouse.queries.key_table import KEYS_SQL, load_keys
from trailhouse.queries.store import our_errors
from trailhouse.queries.value import Row
from trailhouse.queries.zones import find_zone, zone_names
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.org_settings import WEEKDAYS, OrgSettings, org_settings
from trailhouse.sinks.retention import BACKUPS, CLASSES, EVERY_ORG, POLICIES_SQL, Policy, days_kept, policies

_MEANT: Final = {
    Scope.AUDIT_READ: "read the audit log and the directory",
    Scope.AUDIT_READ_PII: "see who people are",
    Scope.REPORTS_READ: "read reports",
    Scope.EVENTS_WRITE: "send events",
    Scope.ADMIN: "everything",
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """A form that was sent: which, its fields, and what was wrong; or the key that was made."""

    deed: str = ""
    form: Mapping[str, str] = field(default_factory=dict)
    error: QueryError | None = None
    made: Done | None = None


def routes(site: Site) -> APIRouter:
    """`settings`, and a form of it for each deed."""
    router = APIRouter(prefix=ROOT.rstrip("/"), include_in_schema=False)

    @router.get("/settings")
    async def settings(request: Request) -> Response:
        return await site.answer(request, "settings", Scope.REPORTS_READ, lambda visit: build(site, visit))

    @router.post("/settings/{deed}")
    async def change(request: Request, deed: str) -> Response:
        try:
            form = await read_form(request)
            if deed not in DEEDS or not site.door.is_own_form(request, form):
                raise BadBody(
                    "this form is too old, or not one of ours", "open Settings and fill it in once more"
                )
        except QueryError as error:
            return site.refuse(request, error)
        answer = await site.answer(
            request, "settings", Scope.REPORTS_READ, lambda visit: _do(site, visit, deed, form)
        )
        with contextlib.suppress(QueryError):
            # A key that was changed holds at the next request, not some seconds later.
            await site.door.access.renew()
        return answer

    return router


def _do(site: Site, visit: Visit, deed: str, form: Mapping[str, str]) -> Built | Response:
    """Do it and show what was done; what was wrong is shown beside the form, refusals as on any page."""
    try:
        done = DEEDS[deed](site, visit, form)
    except (BadParameter, NotAllowed) as error:
        if error.refusal:
            site.audit.refuse(
                visit.visitor.who, error.refusal, {"path": f"settings/{deed}", "status": error.status}
            )
        template, context = build(site, visit, Attempt(deed, form, error))
        return template, context | {"http_status": error.status}
    if done.secret is not None:
        return build(site, visit, Attempt(made=done))
    return redirect(link("settings", visit.state, done=done.word) + f"#{deed}")


def build(site: Site, visit: Visit, attempt: Attempt | None = None) -> Built:
    """One's own rights for everybody; the keys of one's organisations for administrators.

    Read when what stands around them was sent, and refused before that.
    """
    find_zone(visit.params.get("timezone") or "UTC")
    own, attempt = visit.visitor.key, attempt or Attempt()
    is_admin = own is not None and own.allows(Scope.ADMIN)
    return "settings.html", {
        "look": lambda: _look(site, visit, is_admin=is_admin),
        "menus": {each.name: menu(each, visit) for each in SHEETS},
        "is_admin": is_admin,
        "may_write": is_admin and site.writers is not None,
        "is_read_only": site.writers is None,
        "is_operator": visit.visitor.caller.is_operator,
        "meant": {scope.value: text for scope, text in _MEANT.items()},
        "zones": zone_names(),
        "zone": site.zone(visit),
        "profile": site.settings.profile,
        "weekdays": WEEKDAYS,
        "attempt": attempt,
        "done": DONE.get(visit.params.get("done", ""), ""),
    }


def _look(site: Site, visit: Visit, *, is_admin: bool) -> dict[str, Any]:
    """What the database says of the visitor, the keys and the organisation. Raises `StorageUnavailable`, `NotRecorded`."""
    own = visit.visitor.key
    chosen = ""
    keys: list[Key] = []
    with site.pool.client() as client, our_errors():
        if own is not None and (is_admin or not visit.visitor.is_person):
            own, within = _keys(client, own)
            keys = within if is_admin else []
        if own is not None:
            is_person = visit.visitor.is_person
            chosen = load_default_orgs(client).get(own.key_id, "") if is_person else own.default_org
        said = org_settings(client, [visit.org]) or [OrgSettings(visit.org)]
        kept = policies(client)
    if is_admin:
        site.audit.record("key:read", visit.org, visit.visitor.who, details={"rows": len(keys)})
    own_orgs = visit.visitor.orgs if visit.visitor.is_person else own.orgs if own else None
    return {
        "own": _told(own, visit) if own else None,
        "own_orgs": sorted(own_orgs or ()),
        "default_org": chosen,
        "keys": [_told(key, visit) for key in keys],
        "said": said[0],
        "kept": _kept(kept, visit.org),
    }


def _keys(client: Client, own: Key) -> tuple[Key, list[Key]]:
    """The visitor's key as it is now, not as of some seconds ago; and those that reach no further than it does."""
    every = load_keys(client)
    own = every.get(own.key_id, own)
    return own, [key for key in every.values() if is_within(key, own)]


def _kept(settings: list[Policy], org: str) -> list[dict[str, Any]]:
    """Of each class of data what it is, how long it is kept, and who said so."""
    found = []
    for name in CLASSES:
        if name == BACKUPS:
            continue
        days = days_kept(settings, org, name)
        is_own = any(each.org_id == org and each.data_class == name for each in settings)
        is_all = any(each.org_id == EVERY_ORG and each.data_class == name for each in settings)
        found.append(
            {
                "name": name,
                "holds": CLASSES[name],
                "full_days": days or 0,
                "days": f"{days:,} days" if days else "for ever",
                "why": "" if is_own else "as all organizations" if is_all else "nothing is said",
            }
        )
    return found


def _told(key: Key, visit: Visit) -> dict[str, Any]:
    return {
        "id": key.key_id,
        "username": key.username,
        "orgs": "all" if key.orgs is None else ", ".join(sorted(key.orgs)),
        "scopes": sorted(key.scopes),
        "created": moment(key.created_at),
        "expires": moment(key.expires_at) if key.expires_at else "\N{EN DASH}",
        "default_org": key.default_org,
        "status": key.status(visit.now),
        "kind": _kind(key),
    }


def _kind(key: Key) -> str:
    return "service account" if key.is_service_account else "person"


def _key_rows(site: Site, visit: Visit) -> tuple[Row, ...]:
    own = visit.visitor.key
    assert own is not None  # nobody else has the right
    with site.pool.client() as client, our_errors():
        _, keys = _keys(client, own)
    return tuple(
        (
            key.key_id,
            key.username,
            _kind(key),
            "all" if key.orgs is None else ", ".join(sorted(key.orgs)),
            ", ".join(sorted(key.scopes)),
            key.created_at,
            key.expires_at,
            key.status(visit.now),
            key.default_org,
        )
        for key in keys
    )


def _retention_rows(site: Site, visit: Visit) -> tuple[Row, ...]:
    with site.pool.client() as client, our_errors():
        kept = _kept(policies(client), visit.org)
    return tuple((each["name"], each["holds"], each["full_days"], each["why"] or "set") for each in kept)


#: The tables of this page, for their menus and files.
SHEETS: Final = (
    Sheet(
        name="keys",
        title="API keys",
        page="settings",
        scope=Scope.ADMIN,
        question="Which keys may do what, and until when?",
        counts="nothing; of every key it lists those that reach no further than yours, and never what a key is checked with",
        changes="key:*",
        columns=(
            Column("key", "text", "id", "what names the key"),
            Column("name", "text", "name", "whose it is"),
            Column("kind", "text", "kind", "person or service account"),
            Column("organizations", "text", "organizations", "what it is about"),
            Column("may", "text", "scopes", "what it may do"),
            Column("created", "time", "UTC", "when it was made"),
            Column("expires", "time", "UTC", "when it ends; empty = never"),
            Column("status", "text", "status", "active, expired or revoked"),
            Column("default_org", "text", "organization", "of calls that name none"),
        ),
        read=_key_rows,
        to_sql=lambda _: KEYS_SQL,
    ),
    Sheet(
        name="retention",
        title="Retention",
        page="settings",
        scope=Scope.REPORTS_READ,
        question="How long is which data kept?",
        counts="full UTC days; what an organization says goes before what is said of all (*), and nothing said is for ever",
        changes="retention:*",
        columns=(
            Column("data", "text", "class", "the class of data"),
            Column("what_it_is", "text", "words", "what belongs to it"),
            Column("kept", "integer", "full days", "how long it is kept; 0 = for ever"),
            Column("because", "text", "words", "who said so"),
        ),
        read=_retention_rows,
        to_sql=lambda _: POLICIES_SQL,
    ),
)
