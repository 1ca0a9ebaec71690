"""`trailhouse keys` against a ClickHouse named by the environment."""

from __future__ import annotations

import json
import os

import pytest
from tests.queries.directory_events import Org, view
from tests.queries.recording import Recorded

from trailhouse.deploy.cli import run
from trailhouse.deploy.commands.keys import first_key
from trailhouse.deploy.stack import find_stack
from trailhouse.queries.key import Scope, digest_of, id_of
from trailhouse.queries.key_table import load_keys
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.settings import ClickHouseSettings

CREATE = ["keys", "create", "--org", "acme", "--username", "demo", "--scope", "audit:read"]


@pytest.fixture(autouse=True)
def elsewhere(
    clickhouse_settings: ClickHouseSettings, database: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands find what this variable names."""
    monkeypatch.delenv("TRAILHOUSE_DATA", raising=False)
    monkeypatch.delenv("TRAILHOUSE_KAFKA_BOOTSTRAP", raising=False)
    monkeypatch.setenv("TRAILHOUSE_CLICKHOUSE_DSN", clickhouse_settings.dsn.reveal())


def test_a_key_is_made_listed_and_revoked(database: Client, capsys: pytest.CaptureFixture[str]) -> None:
    """Shown once, as user name and key; the list never shows one; revoking is for ever."""
    more = ["--org", "other", "--scope", "audit:read_pii", "--expires", "90d", "--format", "json"]
    assert run([*CREATE, *more], os.environ) == 0
    made = json.loads(capsys.readouterr().out)
    assert list(made) == ["username", "key"]
    assert made["username"] == "demo"
    (key,) = load_keys(database).values()
    assert (key.key_id, key.digest) == (id_of(made["key"]), digest_of(made["key"]))
    assert (key.orgs, key.scopes) == (
        frozenset({"acme", "other"}),
        frozenset({Scope.AUDIT_READ, Scope.AUDIT_READ_PII}),
    )
    assert key.expires_at is not None
    assert (key.expires_at - key.created_at).days == 90

    assert run(["keys", "list", "--format", "json"], os.environ) == 0
    out = capsys.readouterr().out
    (listed,) = json.loads(out)
    assert made["key"].rpartition("_")[2] not in out
    assert key.digest.hex() not in out
    assert (listed["id"], listed["orgs"], listed["status"]) == (key.key_id, ["acme", "other"], "active")

    assert run(["keys", "revoke", key.key_id], os.environ) == 0
    assert capsys.readouterr().out == f"{key.key_id}\n"
    assert run(["keys", "list"], os.environ) == 0
    assert "revoked" in capsys.readouterr().out


def test_what_is_done_to_keys_is_recorded_in_their_organisations(
    database: Client, recorded: Recorded, capsys: pytest.CaptureFixture[str]
) -> None:
    """Made and revoked, by whoever operates this machine, for whom, with which rights; never the key."""
    assert run([*CREATE, "--org", "other"], os.environ) == 0
    text = capsys.readouterr().out.strip()
    key_id = id_of(text)
    assert key_id is not None
    assert run(["keys", "revoke", key_id], os.environ) == 0
    assert run(["keys", "list"], os.environ) == 0
    *events, listed = recorded.take()
    assert (listed["action"], listed["org_id"]) == ("key:read", "trailhouse:installation")
    assert [(event["action"], event["org_id"]) for event in events] == [
        (action, org) for action in ("key:create", "key:revoke") for org in ("acme", "other")
    ]
    assert {event["user_asset"] for event in events} == {"demo"}
    assert all(event["actor_user_id"].startswith("operator:") for event in events)
    assert [event["attributes"] for event in events] == [{"made_key": key_id, "scopes": "audit:read"}] * 4
    assert text not in str(events)
    first = first_key(find_stack(None, os.environ))
    assert first is None


def test_for_a_shell_the_key_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """KEY=$(trailhouse keys create …) needs no parser; what else there is to say goes to stderr."""
    assert run([*CREATE, "--service-account"], os.environ) == 0
    said = capsys.readouterr()
    key_id = id_of(said.out.removesuffix("\n"))
    assert key_id is not None
    *notes, last = said.err.splitlines()
    assert last == f"key {key_id} of demo; it is not shown again"
    # An organisation may get a key before its first event; a slip of the pen looks the same, so it is said.
    assert notes == [
        "note: --org is 'acme': no event of it is stored yet; organisations with events: none yet"
    ]


def test_a_misspelled_organisation_is_said(database: Client, capsys: pytest.CaptureFixture[str]) -> None:
    """With the closest one there is; of one with events nothing is said."""
    Org(database, "acmee").tell(view("2026-02-01T09:00", "ann"))
    assert run(CREATE, os.environ) == 0
    assert "no event of it is stored yet; did you mean acmee?" in capsys.readouterr().err
    Org(database, "acme").tell(view("2026-02-01T09:00", "ann"))
    assert run(CREATE, os.environ) == 0
    assert "note" not in capsys.readouterr().err


def test_keys_of_one_organisation(
    database: Client, recorded: Recorded, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that are good for it, also because they are for every one; looking is recorded in its log."""
    for orgs in (["acme"], ["beta"], ["acme", "beta"], ["*"]):
        words = [word for org in orgs for word in ("--org", org)]
        assert run(["keys", "create", *words, "--username", "demo", "--scope", "audit:read"], os.environ) == 0
    capsys.readouterr()
    recorded.take()
    assert run(["keys", "list", "--org", "beta", "--format", "json"], os.environ) == 0
    assert [key["orgs"] for key in json.loads(capsys.readouterr().out)] == [["beta"], ["acme", "beta"], ["*"]]
    (told,) = recorded.take()
    assert (told["action"], told["org_id"], told["attributes"]["rows"]) == ("key:read", "beta", 3)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--scope", "moon:walk"], "scope is 'moon:walk'"),
        (["--org", "a b"], "org is 'a b'"),
        (["--org", "beta", "--service-account"], "exactly one organisation"),
        (["--expires", "soon"], "expires is 'soon'"),
    ],
)
def test_what_cannot_be_makes_no_key(
    database: Client, more: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and what was wanted."""
    assert run([*CREATE, *more], os.environ) == 2
    assert said in capsys.readouterr().err
    assert load_keys(database) == {}


def test_an_unknown_id(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and where ids are found."""
    assert run(["keys", "revoke", "nope"], os.environ) == 2
    assert "trailhouse keys list" in capsys.readouterr().err


def test_the_first_key_is_made_once(database: Client) -> None:
    """For everything, and only where there is no key at all, a revoked one neither."""
    stack = find_stack(None, os.environ)
    text = first_key(stack)
    assert text is not None
    (key,) = load_keys(database).values()
    assert (key.digest, key.orgs, key.scopes) == (digest_of(text), None, frozenset({Scope.ADMIN}))
    assert first_key(stack) is None
    assert run(["keys", "revoke", key.key_id], os.environ) == 0
    assert first_key(stack) is None
