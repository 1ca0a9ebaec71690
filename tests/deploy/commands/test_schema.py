"""`trailhouse schema event`."""

from __future__ import annotations

import json

import pytest

from trailhouse.deploy.cli import run
from trailhouse.producers.schema import json_schema


def test_the_schema_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """stdout is the JSON Schema of the contract and nothing else."""
    assert run(["schema", "event"], {}) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == json_schema()
    assert captured.err == ""
