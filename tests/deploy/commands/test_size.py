"""`trailhouse size`."""

from __future__ import annotations

import json

import pytest

from trailhouse.deploy.cli import run
from trailhouse.deploy.sizing import Load, size


def test_it_prints_what_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    """As a table, and as JSON with the same figures; what is no load is refused."""
    assert run(["size", "--events-per-second", "50000"], {}) == 0
    said = capsys.readouterr().out
    found = size(Load(50_000))
    for name, text in found.rows():
        assert name in said
        assert text in said
    assert run(["size", "--events-per-second", "50000", "--format", "json"], {}) == 0
    assert json.loads(capsys.readouterr().out)["workers"] == found.workers
    assert run(["size", "--events-per-second", "0"], {}) == 1
    assert "events a second" in capsys.readouterr().err
