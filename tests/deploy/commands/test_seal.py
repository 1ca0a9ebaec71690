"""`trailhouse seal` at its edges; sealing itself is tested with the sink."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from trailhouse.deploy.cli import run
from trailhouse.sinks.seal import Counted


@pytest.fixture
def differing(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, date]]:
    """A stack nobody started, of which two statements seal three days; the days that differ, to be filled."""
    found: list[tuple[str, date]] = []

    class Client:
        def close(self) -> None:
            pass

    def seal(_client: Client) -> Iterator[int]:
        yield from (2, 1)

    def differ(_client: Client, counted: Counted) -> list[tuple[str, date]]:
        return found if counted.days == "action_days" else []

    monkeypatch.setenv("TRAILHOUSE_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.delenv("TRAILHOUSE_DATA", raising=False)
    monkeypatch.setattr("trailhouse.sinks.clickhouse.connect", lambda _settings: Client())
    monkeypatch.setattr("trailhouse.sinks.seal.seal", seal)
    monkeypatch.setattr("trailhouse.sinks.seal.differing", differ)
    return found


def test_days_are_sealed(differing: list[tuple[str, date]], capsys: pytest.CaptureFixture[str]) -> None:
    """What is due, at once; it says how many."""
    assert not differing
    assert run(["seal"], {}) == 0
    assert capsys.readouterr().err == "sealed: 3 counts of days\n"


def test_sealed_days_are_compared(
    differing: list[tuple[str, date]], capsys: pytest.CaptureFixture[str]
) -> None:
    """1 and which ones when any differs from its sets, 0 otherwise."""
    assert run(["seal", "--check"], {}) == 0
    assert capsys.readouterr().err == "sealed days that differ from their sets: 0\n"
    differing.append(("acme", date(2026, 3, 1)))
    assert run(["seal", "--check"], {}) == 1
    printed = capsys.readouterr()
    assert printed.out == "action_days acme 2026-03-01\n"
    assert printed.err == "sealed days that differ from their sets: 1\n"
