"""`trailhouse erase`, from the command line to the tables."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

import pytest
from tests.deploy.commands.elsewhere import point_at
from tests.queries.recording import Recorded
from tests.sinks.lines import enriched, event
from tests.sinks.people import ANNA, ANNA_ID, CANARIES, PSEUDONYMS, store, texts

from trailhouse.deploy.cli import run
from trailhouse.producers.settings import KafkaSettings
from trailhouse.queries.key import Scope, new_key
from trailhouse.queries.key_table import add_keys
from trailhouse.sinks.clickhouse import Client, insert_lines
from trailhouse.sinks.hold import place, release
from trailhouse.sinks.settings import ClickHouseSettings
from trailhouse.stream.topics import create_topics

ERASE = ["erase", "--org", "acme", "--user", ANNA]


@pytest.fixture(autouse=True)
def elsewhere(
    clickhouse_settings: ClickHouseSettings,
    kafka_settings: KafkaSettings,
    database: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A stack of this test's own, with a day's retention."""
    create_topics(kafka_settings, 1, retention_ms=86_400_000)
    point_at(monkeypatch, clickhouse_settings, kafka_settings)
    store(database)


def test_erasing_says_who_what_and_until_when(
    database: Client, recorded: Recorded, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dry run first; a hold refuses with exit code 4; then it is done, told and recorded without naming her."""
    assert run([*ERASE, "--dry-run", "--format", "json"], os.environ) == 0
    planned = json.loads(capsys.readouterr().out)
    assert (planned["rows"]["event_pii"], planned["erased_at"]) == (7, None)
    assert all(each in texts(database) for each in CANARIES)
    (told,) = recorded.take()
    assert (told["action"], told["org_id"]) == ("person:read", "acme")
    assert not any(each in str(told).lower() for each in CANARIES)

    hold = place(database, "acme", [PSEUDONYMS.ref("acme", ANNA_ID)], reason="case 1", placed_by="legal")
    assert run(ERASE, os.environ) == 4
    assert f"hold release {hold.hold_id}" in capsys.readouterr().err
    assert all(each in texts(database) for each in CANARIES)
    assert recorded.take() == []
    release(database, hold.hold_id, reason="over", released_by="legal")

    assert run([*ERASE, "--reason", "ticket 12", "--format", "json"], os.environ) == 0
    done = json.loads(capsys.readouterr().out)
    assert done["rows"] == planned["rows"]
    assert {ANNA_ID, ANNA.lower()} <= set(done["identities"])
    gone_by = {each["where"]: each["gone_by"] for each in done["copies"]}
    assert len([name for name in gone_by if name.startswith("topic ")]) == 3
    for name, until in gone_by.items():
        if name.startswith("topic "):  # a day, after a segment of at most a week
            assert datetime.fromisoformat(until) - datetime.now(UTC) < timedelta(days=8, hours=1)
    assert not any(each in texts(database) for each in CANARIES)
    (told,) = recorded.take()
    assert (told["action"], told["org_id"]) == ("person:erase", "acme")
    again = []
    for _ in range(2):
        assert run([*ERASE, "--format", "json"], os.environ) == 0
        again.append(json.loads(capsys.readouterr().out)["copies"])
    assert again[0] == again[1]  # what was deleted before is no younger for being asked for again
    assert not any(each in str(told).lower() for each in CANARIES)
    recorded.take()

    key, _ = new_key(ANNA, ["acme"], [Scope.AUDIT_READ], now=datetime.now(UTC))
    add_keys(database, [key])
    assert run(ERASE, os.environ) == 0
    shown = capsys.readouterr()
    assert "topic " in shown.out
    assert ANNA.lower() in shown.out
    assert f"trailhouse keys revoke {key.key_id}" in shown.err


def test_what_cannot_be_is_refused(database: Client, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody, and an address of several: exit code 1, with the ids for whoever asks, and nothing is deleted."""
    assert run(["erase", "--org", "acme", "--user", "nobody@example.org"], os.environ) == 1
    assert "nobody is known by that name in acme" in capsys.readouterr().err
    shared = [event(40 + n, actor_user_id=f"desk-{n}", actor_email="desk@example.org") for n in range(2)]
    insert_lines(database, "landing", enriched(shared, start=70))
    assert run(["erase", "--org", "acme", "--user", "desk@example.org"], os.environ) == 1
    said = capsys.readouterr().err
    assert "desk-0\ndesk-1\n" in said
    assert "--exact" in said
    assert "desk-1" in texts(database)
    assert run(["erase", "--org", "acme", "--user", "desk-1", "--exact"], os.environ) == 0
    assert "desk-1" not in texts(database)
    assert "desk-0" in texts(database)


def test_an_alias_stops_it_unless_wanted(database: Client, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever may write events may have said it: the id is told, and goes when the operator says so."""
    fields = {"user_asset": "boss", "attributes": {"alias_of_user": ANNA_ID}}
    insert_lines(database, "landing", enriched([event(40, action="roster:alias", **fields)], start=70))
    for command in (
        ERASE,
        ["person", "export", *ERASE[1:]],
        ["hold", "add", *ERASE[1:], "--reason", "case 1"],
    ):
        assert run(command, os.environ) == 1
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.startswith("boss\n")
        assert "--with-aliases" in said.err
    assert all(each in texts(database) for each in (*CANARIES, "boss"))
    assert run([*ERASE, "--with-aliases"], os.environ) == 0
    assert "boss" not in texts(database)
