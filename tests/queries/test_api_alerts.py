"""Alerts and channels over HTTP: for administrators, of their own organisation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from tests.databases import Databases
from tests.queries.keyring import bearer, give
from tests.queries.recording import Recorded
from tests.queries.serving import NO_KAFKA, problem, serving

from trailhouse.producers.settings import Secret
from trailhouse.queries.alerts.settings import NotificationSettings
from trailhouse.queries.key import Scope
from trailhouse.queries.key_table import revoke_keys
from trailhouse.queries.settings import ApiSettings
from trailhouse.sinks.clickhouse import Client

ALERTS, CHANNELS = "/api/v1/alerts", "/api/v1/alert_channels"


@dataclass
class Office:
    http: httpx.Client
    client: Client
    recorded: Recorded

    def ask(self, method: str, path: str, *scopes: Scope, org: str = "acme", **more: Any) -> httpx.Response:
        _, key = give(self.client, [org], scopes or (Scope.ADMIN,))
        return self.http.request(method, path, headers=bearer(key), **more)


@pytest.fixture(scope="module")
def office(databases: Databases) -> Iterator[Office]:
    with databases.lend() as (settings, client):
        recorded = Recorded()
        own = ApiSettings(
            clickhouse=settings,
            kafka=NO_KAFKA,
            keys_ttl_s=0,
            key_rate=0,
            notifications=NotificationSettings(key=Secret("k" * 40)),
        )
        with serving(own, recorded=recorded) as http:
            yield Office(http, client, recorded)


def test_a_channel_and_an_alert_from_making_to_deleting(office: Office) -> None:
    """201 with the secret, once; 202 for a test; 204 for a deletion; 404 afterwards."""
    made = office.ask("POST", CHANNELS, json={"name": "hook", "url": "https://hooks.example.org/t0ken"})
    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    listed = office.ask("GET", CHANNELS)
    assert "secret" not in listed.text
    assert "t0ken" not in listed.text
    asked = {
        "name": "Denied",
        "action": "user:login",
        "outcome": "denied",
        "channels": ["hook"],
        "quiet": "1m",
    }
    alert = office.ask("POST", ALERTS, json=asked).json()
    assert alert["says"] == "action=user:login outcome=denied"
    assert [each["id"] for each in office.ask("GET", ALERTS).json()["alerts"]] == [alert["id"]]
    path = f"{ALERTS}/{alert['id']}"
    sent = office.ask("POST", f"{path}/test", json={})
    assert sent.status_code == 202
    shown = office.ask("GET", path).json()
    assert [each["id"] for each in shown["notifications"]] == [sent.json()["notification_id"]]
    changed = office.ask("PATCH", path, json={"name": "Failed", "outcome": "failure", "paused": True}).json()
    assert (changed["says"], changed["name"]) == ("action=user:login outcome=failure", "Failed")
    assert (changed["state"], changed["quiet_s"]) == ("paused", 60)
    changed = office.ask("PATCH", path, json={"outcome": None, "paused": False}).json()
    assert (changed["says"], changed["state"]) == ("action=user:login", "active")
    problem(office.ask("PATCH", path, json={"kind": "threshold"}), 400)
    problem(office.ask("PATCH", path, json={"colour": "red"}), 400)
    assert office.ask("POST", f"{path}/mute", json={"for": "2h"}).json()["state"] == "muted"
    assert office.ask("POST", f"{path}/mute", json={"for": "0"}).json()["state"] == "active"
    assert office.ask("DELETE", path).status_code == 204
    problem(office.ask("GET", path), 404)
    assert office.ask("DELETE", f"{CHANNELS}/{made.json()['id']}").status_code == 204


@pytest.mark.parametrize(
    "scopes", [(Scope.AUDIT_READ, Scope.AUDIT_READ_PII), (Scope.REPORTS_READ,), (Scope.EVENTS_WRITE,)]
)
def test_only_administrators_see_or_change_alerts(office: Office, scopes: tuple[Scope, ...]) -> None:
    """Anybody else is refused, and that is recorded."""
    for method, path in (
        ("GET", ALERTS),
        ("POST", ALERTS),
        ("GET", CHANNELS),
        ("POST", f"{ALERTS}/x/test"),
        ("PATCH", f"{ALERTS}/x"),
        ("POST", f"{ALERTS}/x/take_over"),
    ):
        problem(office.ask(method, path, *scopes), 403)
    problem(office.http.get(ALERTS), 401)


def test_another_organisations_are_not_to_be_had(office: Office) -> None:
    """Not by naming it, not by an id."""
    office.ask("POST", CHANNELS, org="beta", json={"name": "theirs", "to": "bea@example.org"})
    alert = office.ask("POST", ALERTS, org="beta", json={"name": "x", "channels": ["theirs"]}).json()
    problem(office.ask("PATCH", f"{ALERTS}/{alert['id']}", json={"name": "mine"}), 404)
    problem(office.ask("PATCH", f"{ALERTS}/{alert['id']}", json={"org_id": "beta", "name": "mine"}), 403)
    for path in ("", "/test", "/mute", "/take_over"):
        method = "POST" if path else "GET"
        problem(
            office.ask(method, f"{ALERTS}/{alert['id']}{path}", json={"for": "1h"} if "mute" in path else {}),
            404,
        )
    problem(office.ask("GET", ALERTS, params={"org": "beta"}), 403)
    problem(office.ask("POST", ALERTS, json={"org_id": "beta", "name": "x", "channels": ["theirs"]}), 403)
    problem(office.ask("POST", ALERTS, json={"name": "x", "channels": ["theirs"]}), 400)


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"org_id": 3}', b'{"name": "x", "colour": "red"}', b'"x"'])
def test_what_cannot_be_read_is_a_problem(office: Office, body: bytes) -> None:
    """400, never a defect."""
    problem(office.ask("POST", ALERTS, content=body), 400)


def test_a_revoked_keys_alert_says_so_and_is_taken_over(office: Office) -> None:
    """By another administrator; the answer names who answers for it then."""
    key, text = give(office.client, ["acme"], [Scope.ADMIN])
    own = bearer(text)
    office.http.post(CHANNELS, headers=own, json={"name": "taken", "to": "sec@example.org"})
    made = office.http.post(ALERTS, headers=own, json={"name": "Mine", "channels": ["taken"]}).json()
    assert (made["state"], made["stopped"], made["owner"]) == ("active", None, f"key:{key.key_id}")
    revoke_keys(office.client, [key.key_id], datetime.now(UTC))
    path = f"{ALERTS}/{made['id']}"
    shown = office.ask("GET", path).json()
    assert shown["state"] == "stopped"
    assert shown["stopped"].startswith(f"its key {key.key_id} was revoked on 20")
    taken = office.ask("POST", f"{path}/take_over", json={}).json()
    assert (taken["state"], taken["stopped"], taken["created_by"]) == ("active", None, f"key:{key.key_id}")
    assert taken["owner"] != taken["created_by"]
    problem(office.ask("POST", f"{path}/take_over", json={"for": "x"}), 400)


def test_a_long_body_is_not_read(office: Office) -> None:
    """413."""
    problem(office.ask("POST", ALERTS, content=b" " * 70_000), 413)
    problem(office.ask("GET", ALERTS, params={"page": "2"}), 400)
    problem(office.ask("POST", ALERTS, params={"org": "acme"}, json={}), 400)
