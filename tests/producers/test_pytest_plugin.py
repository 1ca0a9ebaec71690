"""The fixture, in a test suite of somebody else's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SERVICE = """
from trailhouse.producers import AuditProducer
trail = AuditProducer(bootstrap="127.0.0.1:1")
def delete(name):
    trail.emit("project:delete", org_id="acme", project_name=name)
"""
TESTS = """
import service

def test_one(audited_events):
    assert not audited_events
    service.delete("p1")
    assert audited_events.actions == ["project:delete"]
    assert audited_events[0]["project_name"] == "p1"
    assert "p1" in repr(audited_events)
    audited_events.clear()
    assert len(audited_events) == 0
    service.delete("left for nobody")

def test_two(audited_events):
    service.delete("p2")
    assert [event["project_name"] for event in audited_events] == ["p2"]
"""


def test_a_suite_needs_no_kafka_and_sees_its_events(tmp_path: Path) -> None:
    """Nothing to configure: the plugin comes with the package; nothing is sent or written."""
    (tmp_path / "service.py").write_text(SERVICE)
    (tmp_path / "test_service.py").write_text(TESTS)
    home = tmp_path / "home"
    home.mkdir()
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("TRAILHOUSE", "PYTEST"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env={**environ, "HOME": str(home), "XDG_STATE_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
    assert list(home.iterdir()) == []
