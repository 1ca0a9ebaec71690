"""`trailhouse conflicts` at its edges; conflicts themselves are tested with the sink."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.queries.recording import Recorded

from trailhouse.deploy.cli import run
from trailhouse.sinks.conflicts import Copy
from trailhouse.sinks.sweep import Sweep

COPY = Copy(
    "acme", "an-id", "2026-03-02 10:00:00.000", "id/0/5", "AB", "2026-03-02 09:45:00", True, False, ""
)


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A stack nobody started, with one conflict; what was settled on it."""
    calls: list[Any] = []

    class Client:
        def close(self) -> None:
            pass

    monkeypatch.setenv("TRAILHOUSE_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.delenv("TRAILHOUSE_DATA", raising=False)
    monkeypatch.setattr("trailhouse.sinks.clickhouse.connect", lambda _settings: Client())
    monkeypatch.setattr(
        "trailhouse.sinks.conflicts.copies",
        lambda _client, *, with_settled: [] if calls and not with_settled else [COPY],
    )

    def settle(_client: Any, *what: str, on_table: Any, **said: str) -> Sweep:
        on_table("users")
        calls.append((what, said))
        return Sweep(1, ("sightings",))

    monkeypatch.setattr("trailhouse.sinks.conflicts.settle", settle)
    monkeypatch.setattr("trailhouse.sinks.conflicts.check_open", lambda _client, *what: what)
    monkeypatch.setattr("getpass.getuser", lambda: "me")
    return calls


def test_conflicts_are_listed_and_settled(
    settled: list[Any], recorded: Recorded, capsys: pytest.CaptureFixture[str]
) -> None:
    """1 while one is open, with the command that settles it; 0 afterwards. Settling is recorded in its organisation."""
    assert run(["conflicts", "list"], {}) == 1
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1].split()[:2] == ["acme", "an-id"]
    assert "trailhouse conflicts settle an-id --org acme --reason" in printed.err
    assert run(["conflicts", "list", "--format", "json"], {}) == 1
    assert json.loads(capsys.readouterr().out)[0]["kept"] is True
    assert run(["conflicts", "settle", "an-id", "--org", "acme", "--reason", " a clock "], {}) == 0
    assert settled == [(("acme", "an-id"), {"reason": "a clock", "settled_by": "me"})]
    printed = capsys.readouterr()
    assert "making users anew" in printed.err
    assert "what the copies said stays in sightings" in printed.err
    assert printed.err.endswith("settled; taken out: 1 copy\n")
    assert run(["conflicts", "list"], {}) == 0
    assert "no id came with different contents" in capsys.readouterr().err
    assert run(["conflicts", "settle", "an-id", "--org", "acme", "--reason", ""], {}) == 2
    assert len(settled) == 1
    (told,) = recorded.take()
    assert (told["action"], told["org_id"]) == ("conflict:settle", "acme")
    assert told["attributes"] == {"event": "an-id", "reason": "a clock"}
