"""`trailhouse alerts`: made, listed, tested, muted and deleted from the command line."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.deploy.commands.elsewhere import point_at
from tests.queries.alerts.receivers import receiving
from tests.queries.alerts.yard import KEY, Yard
from tests.queries.keyring import give
from tests.queries.recording import Recorded

from trailhouse.deploy.cli import run
from trailhouse.deploy.commands import alerts as commands
from trailhouse.queries.alerts.desk import By
from trailhouse.queries.key import Scope
from trailhouse.queries.key_table import revoke_keys
from trailhouse.queries.self_audit import Who
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.settings import ClickHouseSettings

ORG = ("--org", "acme")


def test_an_alert_from_the_command_line(  # what a newcomer types, in order
    database: Client,
    clickhouse_settings: ClickHouseSettings,
    recorded: Recorded,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A test waits until it arrived, says why where it did not, and exits by it; everything is recorded."""

    def do(*words: str, status: int = 0) -> tuple[str, str]:
        assert run(["alerts", *words], os.environ) == status, words
        return tuple(capsys.readouterr())  # type: ignore[return-value] # out, err

    def told(*words: str) -> Any:
        return json.loads(do(*words, "--format", "json")[0])

    point_at(monkeypatch, clickhouse_settings)
    monkeypatch.setenv("TRAILHOUSE_ALERTS_KEY", KEY.reveal())
    monkeypatch.setattr(commands, "TEST_WAIT_S", 120.0)
    yard = Yard(clickhouse_settings, "acme")
    yard.now += 3_600  # whatever is to be sent is due
    try:
        with receiving() as receiver:
            assert "has no channels" in do("channels", "list", *ORG)[1]
            channel, secret = do("channels", "add", *ORG, "--name", "hook", "--webhook", receiver.url)[
                0
            ].split()
            assert secret.startswith("whsec_")
            assert "has no alerts" in do("list", *ORG)[1]
            made = do("create", *ORG, "--name", "Gone", "--channel", "hook", "--action", "project:delete")
            alert = made[0].strip()
            assert f"trailhouse alerts test {alert} --org acme" in made[1]
            stopped, dispatcher = threading.Event(), yard.dispatcher()

            def role() -> None:
                while not stopped.wait(0.05):
                    dispatcher.tick()

            thread = threading.Thread(target=role)
            thread.start()
            try:
                assert do("test", alert, *ORG)[0] == "hook: arrived\n"
                receiver.answer = lambda _: 503
                assert do("test", alert, *ORG, status=1)[0] == "hook: answered 503\n"
            finally:
                stopped.set()
                thread.join(30)
            (row,) = told("list", *ORG)
            assert (row["says"], row["delivered"], row["channels"][0]["id"]) == (
                "action=project:delete",
                1,
                channel,
            )
            assert "muted until" in do("mute", alert, *ORG, "--for", "2h")[1]
            assert told("show", alert, *ORG)["state"] == "muted"
            assert "answered 503" in do("show", alert, *ORG)[0]
            assert "speaks again" in do("mute", alert, *ORG, "--for", "0")[1]
            changed = do("edit", alert, *ORG, "--name", "Left", "--action", "", "--outcome", "failure")[1]
            assert "Left (active) tells of: outcome=failure" in changed
            edited = told("edit", alert, *ORG, "--kind", "threshold", "--window", "5m", "--above", "3")
            assert edited["says"] == "outcome=failure above 3 within 5m"
            assert "above" in do("edit", alert, *ORG, "--below", "1", status=2)[1]
            assert "Left (paused)" in do("pause", alert, *ORG)[1]
            assert "Left (active)" in do("resume", alert, *ORG)[1]
            key, _ = give(database, ["acme"], [Scope.ADMIN])
            yard.desk.edit(
                "acme", By(Who.of_key(key), f"key:{key.key_id}", read_pii=True), alert, {"rate": 5}
            )
            revoke_keys(database, [key.key_id], datetime.now(UTC))
            assert f"trailhouse alerts take-over {alert} --org acme" in do("list", *ORG)[1]
            assert f"stopped     its key {key.key_id} was revoked on" in do("show", alert, *ORG)[0]
            assert "operator:" in do("take-over", alert, *ORG)[1]
            assert told("show", alert, *ORG)["stopped"] is None
            assert "no alert" in do("mute", "al_none", *ORG, status=2)[1]
            assert "--webhook" in do("channels", "add", *ORG, "--name", "x", status=2)[1]
            monkeypatch.setattr(sys, "stdin", io.StringIO("s3cretsecret\n"))
            registered = do("slack", *ORG, "--client-id", "12.34", "--redirect", "https://x.example.org")
            assert "/org/dashboard/notifications?org=acme" in registered[1]
            do("delete", alert, *ORG)
            do("channels", "delete", channel, *ORG)
            assert told("list", *ORG) == []
    finally:
        yard.close()
    actions = {each["action"] for each in recorded.take()}
    assert {
        "alert:create",
        "alert:test",
        "alert:mute",
        "alert:update",
        "alert:delete",
        "alert:read",
        "channel:create",
        "slack:update",
    } <= actions
