"""The page Settings: what one's key allows, the keys there are, the time zone of pages; read, and nothing written yet."""

from __future__ import annotations

from typing import Any, Final
from zoneinfo import available_timezones

from fastapi import APIRouter, Request, Response

from trailhouse.queries.dashboard.address import ROOT
from trailhouse.queries.dashboard.figure import moment
from trailhouse.queries.dashboard.site import Built, Site, Visit
from trailhouse.queries.key import Key, Scope
from trailhouse.queries.key_table import load_keys
from trailhouse.queries.zones import find_zone

_MEANT: Final = {
    Scope.AUDIT_READ: "read the audit log and the directory",
    Scope.AUDIT_READ_PII: "see who people are",
    Scope.REPORTS_READ: "read reports",
    Scope.EVENTS_WRITE: "send events",
    Scope.ADMIN: "everything",
}


def routes(site: Site) -> APIRouter:
    """`settings`."""
    router = APIRouter(prefix=ROOT.rstrip("/"), include_in_schema=False)

    @router.get("/settings")
    async def settings(request: Request) -> Response:
        return await site.answer(request, "settings", Scope.REPORTS_READ, lambda visit: build(site, visit))

    return router


def build(site: Site, visit: Visit) -> Built:
    """One's own rights for everybody; the keys of one's organisations for administrators."""
    find_zone(visit.params.get("timezone") or "UTC")
    own = visit.visitor.key
    keys: list[dict[str, Any]] = []
    if own is not None and own.allows(Scope.ADMIN):
        with site.pool.client() as client:
            keys = [_told(key, visit) for key in load_keys(client).values() if _is_within(key, own)]
    return "settings.html", {
        "own": _told(own, visit) if own else None,
        "keys": keys,
        "sees_keys": own is not None and own.allows(Scope.ADMIN),
        "meant": {scope.value: text for scope, text in _MEANT.items()},
        "zones": sorted(available_timezones()),
        "zone": visit.params.get("timezone") or "UTC",
        "profile": site.settings.profile,
    }


def _is_within(key: Key, own: Key) -> bool:
    """Whether an administrator may know of a key: all its organisations are theirs."""
    return own.orgs is None or (key.orgs is not None and key.orgs <= own.orgs)


def _told(key: Key, visit: Visit) -> dict[str, Any]:
    return {
        "id": key.key_id,
        "username": key.username,
        "orgs": "all" if key.orgs is None else ", ".join(sorted(key.orgs)),
        "scopes": sorted(key.scopes),
        "created": moment(key.created_at),
        "expires": moment(key.expires_at) if key.expires_at else "\N{EN DASH}",
        "default_org": key.default_org or "\N{EN DASH}",
        "status": key.status(visit.now),
        "kind": "service account" if key.is_service_account else "person",
    }
