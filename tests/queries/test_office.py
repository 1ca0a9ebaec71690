"""What administrators write: recorded first, and not done where it cannot be recorded."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.queries.keyring import give
from tests.queries.recording import Recorded

from trailhouse.producers.errors import AuditError
from trailhouse.queries.errors import BadParameter, NotRecorded, UnknownKey
from trailhouse.queries.guest_table import load_default_orgs
from trailhouse.queries.key import Scope, new_key
from trailhouse.queries.key_table import load_keys, revoke_keys
from trailhouse.queries.office import Office, OrgChange
from trailhouse.queries.self_audit import INSTALLATION, SelfAudit, Who
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.errors import RetentionRefused
from trailhouse.sinks.org_settings import OrgSettings, org_settings
from trailhouse.sinks.retention import Policy, policies


class Broken:
    """A producer that takes nothing."""

    def emit(self, *_args: Any, **_more: Any) -> str:
        raise AuditError("full")


def test_each_deed_is_done_and_recorded(database: Client) -> None:
    """A key made, given a default organisation and revoked; an organisation's settings; retention."""
    recorded = Recorded()
    office = Office(database, recorded.audit, Who(username="ann", key_id="0123456789ab"))
    key, _ = new_key("bot", ["acme", "beta"], [Scope.AUDIT_READ], now=datetime.now(UTC))
    office.make_key(key)
    assert office.choose_default_org(key.key_id, "beta").default_org == "beta"
    assert load_keys(database)[key.key_id].default_org == "beta"
    assert office.revoke_keys([key.key_id], datetime.now(UTC))[0].revoked_at is not None
    assert office.change_org(OrgChange("acme", timezone="Asia/Tehran")) == OrgSettings("acme", "Asia/Tehran")
    office.change_org(OrgChange("acme", week_start="sunday"))
    assert org_settings(database, ["acme"]) == [OrgSettings("acme", "Asia/Tehran", 7)]
    office.keep_days(Policy("acme", "pii", 90, "ann"))
    assert [(each.data_class, each.days, each.set_by) for each in policies(database)] == [("pii", 90, "ann")]
    told = [(each["action"], each["org_id"]) for each in recorded.take()]
    assert told == [
        *(((f"key:{deed}"), org) for deed in ("create", "update", "revoke") for org in ("acme", "beta")),
        *[("org:update", "acme")] * 2,
        ("retention:update", "acme"),
    ]


def test_a_persons_default_is_recorded_in_each_of_their_organisations(database: Client) -> None:
    """By who they are at the provider; of somebody with all of them in the installation's log."""
    recorded = Recorded()
    office = Office(database, recorded.audit, Who(username="ann", key_id="oidc:1"))
    office.choose_persons_org("oidc:1", "beta", frozenset({"acme", "beta"}))
    assert load_default_orgs(database) == {"oidc:1": "beta"}
    office.choose_persons_org("oidc:2", "gamma", None)
    assert load_default_orgs(database) == {"oidc:1": "beta", "oidc:2": "gamma"}
    assert [
        (each["action"], each["org_id"], each["attributes"]["default_org"]) for each in recorded.take()
    ] == [
        ("person:update", "acme", "beta"),
        ("person:update", "beta", "beta"),
        ("person:update", INSTALLATION, "gamma"),
    ]


def test_what_cannot_be_recorded_is_not_done(database: Client) -> None:
    """Nothing of it."""
    office = Office(database, SelfAudit(Broken), Who())  # type: ignore[arg-type] # all of a producer it uses
    kept, _ = give(database)
    key, _ = new_key("bot", ["acme"], [Scope.ADMIN], now=datetime.now(UTC))
    for deed in (
        lambda: office.make_key(key),
        lambda: office.revoke_keys([kept.key_id], datetime.now(UTC)),
        lambda: office.choose_default_org(kept.key_id, "acme"),
        lambda: office.choose_persons_org("oidc:1", "acme", frozenset({"acme"})),
        lambda: office.change_org(OrgChange("acme", timezone="UTC")),
        lambda: office.keep_days(Policy("acme", "pii", 90)),
    ):
        with pytest.raises(NotRecorded):
            deed()
    assert load_keys(database) == {kept.key_id: kept}
    assert load_default_orgs(database) == {}
    assert org_settings(database) == []
    assert policies(database) == []


def test_what_cannot_be_is_refused_before_it_is_recorded(database: Client) -> None:
    """Another organisation as default, a zone there is not, a class there is not, a key there is not."""
    recorded = Recorded()
    office = Office(database, recorded.audit, Who())
    kept, _ = give(database)
    with pytest.raises(BadParameter):
        office.choose_default_org(kept.key_id, "beta")
    for org, orgs in (("beta", frozenset({"acme"})), ("a/b", None)):
        with pytest.raises(BadParameter):
            office.choose_persons_org("oidc:1", org, orgs)
    for change in (OrgChange("acme", timezone="Mars"), OrgChange("acme", week_start="x"), OrgChange("a/b")):
        with pytest.raises(BadParameter):
            office.change_org(change)
    with pytest.raises(RetentionRefused):
        office.keep_days(Policy("acme", "all", 1))
    with pytest.raises(UnknownKey):
        office.revoke_keys([kept.key_id, "0" * 12], datetime.now(UTC))
    assert recorded.take() == []
    assert load_keys(database)[kept.key_id].revoked_at is None


def test_a_revoked_key_stays_so_whatever_is_changed(database: Client) -> None:
    """Choosing its default organisation does not bring it back."""
    office = Office(database, Recorded().audit, Who())
    kept, _ = give(database, ["acme", "beta"])
    revoke_keys(database, [kept.key_id], datetime.now(UTC))
    office.choose_default_org(kept.key_id, "beta")
    assert load_keys(database)[kept.key_id].revoked_at is not None
