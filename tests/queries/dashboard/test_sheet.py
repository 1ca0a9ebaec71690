"""Where the menu of a page's own table leads."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from trailhouse.queries.caller import Caller
from trailhouse.queries.dashboard.chosen import Chosen
from trailhouse.queries.dashboard.sheet import FORMS, Sheet, menu
from trailhouse.queries.dashboard.sheet_pages import SHEETS
from trailhouse.queries.dashboard.site import Visit
from trailhouse.queries.dashboard.visitor import Visitor
from trailhouse.queries.key import Scope, new_key
from trailhouse.queries.self_audit import Who

NOW = datetime(2026, 3, 11, tzinfo=UTC)


def visit_of(*scopes: Scope, **params: str) -> Visit:
    """Somebody of acme with a key of these rights."""
    key, _ = new_key("ann", ["acme"], scopes, now=NOW)
    visitor = Visitor(Caller(frozenset(["acme"])), Who.operator(), key, orgs=frozenset(["acme"]))
    return Visit(visitor, "settings", params, Chosen(("acme",), "acme"), ("acme",), NOW)


@pytest.mark.parametrize("sheet", SHEETS.values(), ids=SHEETS)
def test_it_keeps_organisation_and_zone(sheet: Sheet) -> None:
    """In every address; the one of itself is the page's, at the table."""
    to = menu(sheet, visit_of(Scope.ADMIN, timezone="Asia/Tehran", done="x"))
    place = "?org=acme&timezone=Asia%2FTehran"
    assert {to[form] for form in FORMS} == {
        f"/org/dashboard/sheet/{sheet.name}.{form}{place}" for form in FORMS
    }
    assert to["sql"] == f"/org/dashboard/sheet/{sheet.name}.sql{place}"
    assert to["self"] == f"/org/dashboard/{sheet.page}{place}#{sheet.name}"
    assert to["events"].startswith(f"/org/dashboard/log{place}&action=")


def test_the_log_is_offered_to_those_who_may_read_it() -> None:
    """Who may not is led nowhere."""
    retention = SHEETS["retention"]
    assert menu(retention, visit_of(Scope.REPORTS_READ))["events"] == ""
    assert menu(retention, visit_of(Scope.REPORTS_READ, Scope.AUDIT_READ))["events"]
