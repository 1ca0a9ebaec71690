"""What administrators write, by command or on the page Settings: keys, settings of organisations, retention.

Each deed is recorded before it is done; what cannot be recorded (`NotRecorded`) is not done. Who may do it is decided
before (`delegation`); the client is that of somebody who may write these tables.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from trailhouse.producers.event import Scalar
from trailhouse.queries.errors import BadParameter
from trailhouse.queries.guest_table import set_default_org
from trailhouse.queries.key import Key
from trailhouse.queries.key_table import add_keys, find_keys, revoke_keys
from trailhouse.queries.orgs import check_company, check_org, read_week_start
from trailhouse.queries.self_audit import SelfAudit, Who, homes_of
from trailhouse.queries.store import our_errors
from trailhouse.queries.zones import find_zone
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.org_settings import OrgSettings, org_settings, set_org_settings
from trailhouse.sinks.retention import EVERY_ORG, Policy, check_policy, set_policy


@dataclass(frozen=True, slots=True)
class OrgChange:
    """What becomes of an organisation's settings, as texts; None = it stays, '' = nothing is said any more."""

    org: str
    timezone: str | None = None
    week_start: str | None = None
    company: str | None = None

    def checked(self) -> OrgChange:
        """Itself; raises `BadParameter` for what cannot be."""
        check_org(self.org)
        if self.timezone:
            find_zone(self.timezone)
        if self.week_start:
            read_week_start(self.week_start)
        if self.company:
            check_company(self.company)
        return self

    def applied(self, was: OrgSettings) -> OrgSettings:
        """What is said then."""
        return dataclasses.replace(
            was,
            timezone=was.timezone if self.timezone is None else self.timezone,
            week_start=was.week_start if self.week_start is None else _day(self.week_start),
            company=was.company if self.company is None else self.company,
        )


@dataclass(frozen=True, slots=True)
class Office:
    """Whoever does it, with what they write; raises `QueryError` when the store does not take it."""

    client: Client
    audit: SelfAudit
    who: Who

    def make_key(self, key: Key) -> None:
        """Keep a new key."""
        self._record_key("key:create", key)
        add_keys(self.client, [key])

    def revoke_keys(self, key_ids: Iterable[str], now: datetime) -> list[Key]:
        """Revoke for ever; raises `UnknownKey`, then none is."""
        ids = list(key_ids)
        for key in find_keys(self.client, ids):
            self._record_key("key:revoke", key)
        return revoke_keys(self.client, ids, now)

    def choose_default_org(self, key_id: str, org: str) -> Key:
        """Say which of a key's organisations is meant where a request names none (WA6); '' = none is."""
        (key,) = find_keys(self.client, [key_id])
        if org and key.orgs is not None and org not in key.orgs:
            raise BadParameter("default_org", org, "one of the key's organisations")
        if org:
            check_org(org)
        becomes = dataclasses.replace(key, default_org=org)
        self._record_key("key:update", becomes, {"default_org": org})
        add_keys(self.client, [becomes])
        return becomes

    def choose_persons_org(self, subject: str, org: str, orgs: frozenset[str] | None) -> None:
        """The same for somebody who signed in with an OpenID provider as `subject`; `orgs` (None = all) are theirs."""
        if org and orgs is not None and org not in orgs:
            raise BadParameter("default_org", org, "one of your organizations")
        if org:
            check_org(org)
        for home in homes_of(orgs) or (None,):
            self.audit.record("person:update", home, self.who, details={"default_org": org})
        set_default_org(self.client, subject, org)

    def change_org(self, change: OrgChange) -> OrgSettings:
        """Say something of an organisation; raises `BadParameter`."""
        change.checked()
        with our_errors():
            (was,) = org_settings(self.client, [change.org]) or [OrgSettings(change.org)]
        becomes = change.applied(was)
        told: dict[str, Scalar] = {
            "timezone": becomes.timezone,
            "week_start": becomes.week_start,
            "company": becomes.company,
        }
        self.audit.record("org:update", change.org, self.who, details=told)
        with our_errors():
            set_org_settings(self.client, becomes)
        return becomes

    def keep_days(self, policy: Policy) -> None:
        """Say how long a class of data is kept; raises `RetentionRefused`."""
        check_policy(policy)
        org = None if policy.org_id == EVERY_ORG else policy.org_id
        told: dict[str, Scalar] = {"data_class": policy.data_class, "days": policy.days}
        self.audit.record("retention:update", org, self.who, details=told)
        with our_errors():
            set_policy(self.client, policy)

    def _record_key(self, action: str, key: Key, more: Mapping[str, Scalar] | None = None) -> None:
        details = {"made_key": key.key_id, "scopes": " ".join(sorted(key.scopes)), **(more or {})}
        for org in sorted(key.orgs) if key.orgs else [None]:
            self.audit.record(action, org, self.who, target=key.username, details=details)


def _day(text: str) -> int:
    return read_week_start(text) if text else 0
