"""`trailhouse import archive` before it reaches ClickHouse; what it does there `test_archive` and `test_restore` show."""

from __future__ import annotations

import pytest

from trailhouse.deploy.cli import run


def test_it_is_one_of_the_imports(capsys: pytest.CaptureFixture[str]) -> None:
    """With its target as an argument."""
    assert run(["import", "archive"], {}) == 2
    assert "TARGET" in capsys.readouterr().err
    assert run(["import", "archive", "--help"], {}) == 0
    assert "Rebuild ClickHouse from an archive" in capsys.readouterr().out
