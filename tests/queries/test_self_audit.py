"""The self-audit: what is recorded of a deed, what of many refusals, and what happens when nothing can be recorded."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.producers.doubles import ScriptedTransport
from tests.queries.recording import Recorded

from trailhouse.producers import AuditProducer, BufferSettings, KafkaSettings, SettingsError
from trailhouse.producers.actions import OWN
from trailhouse.queries import self_audit
from trailhouse.queries.errors import NotRecorded
from trailhouse.queries.key import Scope, new_key
from trailhouse.queries.self_audit import (
    INSTALLATION,
    Refusals,
    SelfAudit,
    Who,
    open_self_audit,
    operator_name,
)

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def test_a_deed_is_an_event_of_the_organisation() -> None:
    """Who, what, where and how it ended; names and addresses only where the contract keeps personal data."""
    recorded = Recorded()
    key, _ = new_key("ann", ["acme"], [Scope.REPORTS_READ], now=NOW)
    recorded.audit.record(
        "analytics:read", "acme", Who.of_key(key, "192.0.2.7"), details={"rows": 0, "note": ""}
    )
    (event,) = recorded.take()
    shown = {name: value for name, value in event.items() if name not in {"event_id", "occurred_at"}}
    assert shown == {
        "org_id": "acme",
        "action": "analytics:read",
        "actor_type": "user",
        "actor_user_id": "ann",
        "actor_ip": "192.0.2.7",
        "outcome": "success",
        "source": "trailhouse",
        "attributes": {"key_id": key.key_id, "rows": 0},
    }


def test_who_it_was() -> None:
    """A service account, the operator of the machine, and nobody known, each as its own kind of actor."""
    recorded = Recorded()
    service, _ = new_key("ci", ["acme"], [Scope.REPORTS_READ], now=NOW, is_service_account=True)
    for who in (Who.of_key(service), Who.operator(), Who(address="192.0.2.7")):
        recorded.audit.record("audit:read", None, who)
    events = recorded.take()
    assert [event["actor_type"] for event in events] == ["service_account", "system", "anonymous"]
    assert [event["org_id"] for event in events] == [INSTALLATION] * 3
    assert str(events[1]["actor_user_id"]).startswith("operator:")
    assert "actor_user_id" not in events[2]


def test_what_cannot_be_recorded_is_an_error() -> None:
    """A full buffer that nothing empties: the deed must not go on, and a refusal is refused without one."""
    transport = ScriptedTransport(*["hang"] * 9)
    producer = AuditProducer(transport=transport, buffer=BufferSettings(events=1, max_block_ms=0))
    audit = SelfAudit(lambda: producer)
    audit.record("audit:read", "acme", Who())
    with pytest.raises(NotRecorded, match="audit:read cannot be recorded"):
        audit.record("audit:read", "acme", Who())
    audit.refuse(Who(), "key")
    audit.close(0)


def test_guessing_cannot_flood_the_log_nor_hide_in_it() -> None:
    """The first ten refusals, then every doubling with their number, and from the start after ten minutes."""
    now = 0.0
    refusals = Refusals(lambda: now)
    assert [told for _ in range(200) if (told := refusals.count(("", "key")))] == [
        *range(1, 11),
        20,
        40,
        80,
        160,
    ]
    assert refusals.count(("1f2e3d4c5b6a", "key")) == 1
    assert refusals.count(("", "org")) == 1
    now = self_audit.REFUSALS_WINDOW_S
    assert refusals.count(("", "key")) == 1


def test_a_refusal_stands_in_the_log_of_whom_it_concerns() -> None:
    """A key's organisations; the installation where there is no key, or too many organisations."""
    recorded = Recorded()
    two, _ = new_key("ann", ["acme", "beta"], [Scope.REPORTS_READ], now=NOW)
    many, _ = new_key("bob", [f"org-{n}" for n in range(17)], [Scope.REPORTS_READ], now=NOW)
    every, _ = new_key("eve", ["*"], [Scope.ADMIN], now=NOW)
    recorded.audit.refuse(Who.of_key(two), "org", {"asked_org": "zeta"})
    recorded.audit.refuse(Who.guessing(two, "192.0.2.7"), "key")
    recorded.audit.refuse(Who.of_key(many), "scope")
    recorded.audit.refuse(Who.of_key(every), "scope")
    events = recorded.take()
    assert [event["org_id"] for event in events] == ["acme", "beta"] * 2 + [INSTALLATION] * 2
    assert {event["action"] for event in events} == {"access:denied"}
    assert {event["outcome"] for event in events} == {"denied"}
    assert events[0]["attributes"] == {
        "key_id": two.key_id,
        "rule": "org",
        "attempts": 1,
        "asked_org": "zeta",
    }
    # Whoever guessed at Ann's key was perhaps not Ann.
    assert ["actor_user_id" in event for event in events[:4]] == [True, True, False, False]


def test_while_kafka_is_away_the_spool_keeps_it(tmp_path: Path) -> None:
    """The record is on disk when `record` returns, and stays there for the next process."""
    audit = open_self_audit(KafkaSettings(bootstrap="127.0.0.1:9"), {}, spool=tmp_path)
    event_id = audit.record("key:create", "acme", Who.operator())
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert event_id.encode() in kept
    audit.close(0)
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    (line,) = [line for line in kept.splitlines() if event_id.encode() in line]
    assert json.loads(line[line.index(b"{") : line.rindex(b"}") + 1])["action"] == "key:create"


def test_no_setting_turns_it_off() -> None:
    """The one that keeps an application's events from being sent is refused."""
    with pytest.raises(SettingsError, match="TRAILHOUSE_SEND"):
        open_self_audit(KafkaSettings(), {"TRAILHOUSE_SEND": "never"})


def test_looking_at_a_figure_does_not_change_it() -> None:
    """None of its actions makes anybody an active user."""
    assert not any(action.is_activity or action.is_login for action in OWN)


def test_an_operator_without_an_entry_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in containers, whose users are in no list."""

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert operator_name() == str(os.getuid())
