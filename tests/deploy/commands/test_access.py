"""`trailhouse access`."""

from __future__ import annotations

import pytest

from trailhouse.deploy.cli import run


def test_it_prints_statements_to_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Each ends with a semicolon; a cluster and a database are put in."""
    assert run(["access", "sql", "--cluster", "main", "--database", "audit"], {}) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "CREATE ROLE IF NOT EXISTS admin ON CLUSTER main;"
    assert all(line.endswith(";") for line in lines)
    assert not any("trailhouse." in line for line in lines)


def test_orgs_and_users(capsys: pytest.CaptureFixture[str]) -> None:
    """Policies for a person, and the file for `users.d`; a name that is none is refused."""
    assert run(["access", "orgs", "dana", "--org", "acme", "--org", "initech"], {}) == 0
    assert "USING org_id IN ('acme', 'initech') AS restrictive TO dana;" in capsys.readouterr().out
    assert run(["access", "users-xml"], {}) == 0
    assert "<query>GRANT ALL ON *.*</query>" in capsys.readouterr().out
    assert run(["access", "orgs", "dana; DROP", "--org", "acme"], {}) == 1
    assert "is no name" in capsys.readouterr().err
