"""Nothing is sent by accident."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from trailhouse.producers import AuditProducer, MemoryTransport, SettingsError
from trailhouse.producers.silence import KEPT, is_silent


@pytest.mark.parametrize(
    ("environ", "silent"),
    [
        ({}, False),
        ({"PYTEST_VERSION": "8.3"}, True),
        ({"PYTEST_CURRENT_TEST": "x"}, True),
        ({"PYTEST_VERSION": "8.3", "TRAILHOUSE_SEND": "always"}, False),
        ({"TRAILHOUSE_SEND": "never"}, True),
    ],
)
def test_who_sends(environ: dict[str, str], silent: bool) -> None:
    """Everybody but tests, unless it is said otherwise."""
    assert is_silent(environ) is silent


def test_a_wrong_word_is_no_silence() -> None:
    """It is refused."""
    with pytest.raises(SettingsError, match="auto, always or never"):
        is_silent({"TRAILHOUSE_SEND": "no"})


def test_under_pytest_events_are_kept_and_neither_sent_nor_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A producer for Kafka connects to nothing, leaves no file, and what it took can be looked at."""
    monkeypatch.delenv("TRAILHOUSE_SEND")
    monkeypatch.delenv("TRAILHOUSE_SPOOL_DIR")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    KEPT.clear()
    trail = AuditProducer(bootstrap="127.0.0.1:1")
    event_id = trail.emit("a:b", org_id="acme")
    assert [event["event_id"] for event in KEPT.events] == [event_id]
    assert trail.close().sent == 1
    assert list(tmp_path.iterdir()) == []
    KEPT.clear()
    assert KEPT.events == []


def test_a_transport_of_ones_own_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who passes a `MemoryTransport` looks there."""
    monkeypatch.delenv("TRAILHOUSE_SEND")
    memory = MemoryTransport()
    with AuditProducer(transport=memory) as trail:
        trail.emit("a:b", org_id="acme")
    assert len(memory.events) == 1


def test_programs_that_a_test_starts_are_silent_too() -> None:
    """They inherit what pytest says in the environment."""
    script = "import os; from trailhouse.producers.silence import is_silent; print(is_silent(os.environ))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTEST_VERSION": "8.3"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "True\n"
