"""`trailhouse gap` at its edges: what it prints and how it exits; losses themselves are tested with the sink."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.queries.recording import Recorded

from trailhouse.deploy.cli import run
from trailhouse.sinks.errors import RangeRefused
from trailhouse.sinks.losses import GONE, LOST, Loss
from trailhouse.stream.gaps import Range

GONE_RANGE = Loss(Range("id", 2, 5, 9), GONE)
LOST_RANGE = Loss(Range("id", 2, 1, 4), LOST, "the disk", "me", "2026-03-02 10:00:00.000")


@pytest.fixture
def accepted(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A stack nobody started; what was accepted on it."""
    calls: list[Any] = []

    class Client:
        def close(self) -> None:
            pass

    def check_gone(_kafka: Any, _client: Any, _group: str, missing: Range) -> None:
        if missing != GONE_RANGE.range:
            raise RangeRefused("not that one", "those that are: …")

    def accept(_kafka: Any, _client: Any, group: str, missing: Range, **said: str) -> None:
        calls.append((group, missing, said))

    monkeypatch.setenv("TRAILHOUSE_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.setenv("TRAILHOUSE_SINK_GROUP", "ours")
    monkeypatch.delenv("TRAILHOUSE_DATA", raising=False)
    monkeypatch.setattr("trailhouse.sinks.clickhouse.connect", lambda _settings: Client())
    monkeypatch.setattr("trailhouse.sinks.losses.accept", accept)
    monkeypatch.setattr("trailhouse.sinks.losses.check_gone", check_gone)
    monkeypatch.setattr("getpass.getuser", lambda: "me")
    return calls


def test_the_list(
    accepted: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """1 while something is gone, with the command that ends it; 0 when all of it was accepted."""
    found: list[Loss] = []
    monkeypatch.setattr("trailhouse.sinks.losses.losses", lambda _kafka, _client, _group: found)
    assert run(["gap", "list"], {}) == 0
    assert "nothing is missing" in capsys.readouterr().err
    found.append(LOST_RANGE)
    assert run(["gap", "list", "--format", "json"], {}) == 0
    assert json.loads(capsys.readouterr().out) == [
        {
            "range": "id/2/1-4",
            "records": 4,
            "state": "lost",
            "reason": "the disk",
            "accepted_by": "me",
            "accepted_at": "2026-03-02 10:00:00.000",
        }
    ]
    found.insert(0, GONE_RANGE)
    assert run(["gap", "list"], {}) == 1
    printed = capsys.readouterr()
    assert [line.split()[:3] for line in printed.out.splitlines()[1:]] == [
        ["id/2/5-9", "5", "gone"],
        ["id/2/1-4", "4", "lost"],
    ]
    assert "trailhouse gap accept id/2/5-9 --reason" in printed.err


def test_accepting(accepted: list[Any], recorded: Recorded, capsys: pytest.CaptureFixture[str]) -> None:
    """With a reason and under the name of who did it, recorded once; what is no such range is refused."""
    assert run(["gap", "accept", "id/2/5-9", "--reason", " the disk "], {}) == 0
    assert accepted == [("ours", GONE_RANGE.range, {"reason": "the disk", "accepted_by": "me"})]
    assert "5 records recorded as lost" in capsys.readouterr().err
    assert run(["gap", "accept", "id/2/5-8", "--reason", "x"], {}) == 1
    assert run(["gap", "accept", "id-2-5", "--reason", "x"], {}) == 2
    assert run(["gap", "accept", "id/2/5-9", "--reason", " "], {}) == 2
    assert run(["gap", "accept", "id/2/5-9"], {}) == 2
    (told,) = recorded.take()
    assert (told["action"], told["org_id"]) == ("gap:accept", "trailhouse:installation")
    assert told["attributes"] == {"range": "id/2/5-9", "records": 5, "reason": "the disk"}
    assert len(accepted) == 1
