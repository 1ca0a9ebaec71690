"""The secrets of a stack."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from trailhouse.deploy.credentials import (
    IDENTITIES,
    VARIABLE,
    load_credentials,
    read_credentials,
    with_secrets,
)
from trailhouse.deploy.errors import DeployError


def test_made_once_and_readable_by_the_owner_alone(tmp_path: Path) -> None:
    """The file has mode 0600, and the second load gives the same secrets."""
    file = tmp_path / "new" / "secrets.json"
    first = load_credentials(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load_credentials(file) == first
    assert [each.name for each in file.parent.iterdir()] == ["secrets.json"]


def test_long_enough_and_all_different(tmp_path: Path) -> None:
    """Every identity has a password of its own; the pepper is long enough for the stream."""
    credentials = load_credentials(tmp_path / "secrets.json")
    texts = [credentials.clickhouse[name].reveal() for name in IDENTITIES] + [credentials.pepper.reveal()]
    assert len(set(texts)) == 7
    assert min(map(len, texts)) >= 32


def test_nothing_shows_them(tmp_path: Path) -> None:
    """A printed object holds no secret."""
    credentials = load_credentials(tmp_path / "secrets.json")
    shown = f"{credentials!r} {credentials}"
    assert "***" in shown
    assert credentials.pepper.reveal() not in shown
    assert credentials.clickhouse["admin"].reveal() not in shown


def test_a_file_others_can_read_is_refused(tmp_path: Path) -> None:
    """Secrets that leaked already are not used."""
    file = tmp_path / "secrets.json"
    load_credentials(file)
    file.chmod(0o644)
    with pytest.raises(DeployError, match="can be read by others"):
        load_credentials(file)


def test_a_folder_of_the_first_version_gets_what_it_lacks(tmp_path: Path) -> None:
    """The passwords of the identities that came later are added, once; whatever else is kept stays, the pepper above all."""
    file = tmp_path / "secrets.json"
    before = load_credentials(file)
    kept = json.loads(file.read_text())
    del kept["clickhouse"]["api"], kept["clickhouse"]["analyst"]
    file.write_text(json.dumps(kept))
    after = load_credentials(file)
    assert after == load_credentials(file)
    assert after.pepper == before.pepper
    assert after.clickhouse["admin"] == before.clickhouse["admin"]
    assert len(after.clickhouse["api"].reveal()) >= 32
    assert len(after.clickhouse["analyst"].reveal()) >= 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["secrets.json"]


def test_a_damaged_file_is_named_and_kept(tmp_path: Path) -> None:
    """A damaged file is never replaced by new secrets: the pepper in it cannot be made again."""
    file = tmp_path / "secrets.json"
    file.write_text("{}")
    file.chmod(0o600)
    with pytest.raises(DeployError, match=r"secrets\.json is not a file of secrets"):
        load_credentials(file)
    assert file.read_text() == "{}"


def test_reading_makes_no_secrets(tmp_path: Path) -> None:
    """A role whose file is gone must not go on with another pepper."""
    file = tmp_path / "secrets.json"
    with pytest.raises(DeployError, match=r"secrets\.json is gone"):
        read_credentials(file)
    assert not file.exists()


def test_a_role_gets_the_password_of_the_identity_it_is(tmp_path: Path) -> None:
    """Put into the address it was given; an address with a password, or of somebody else, stays as it is."""
    file = tmp_path / "secrets.json"
    credentials = load_credentials(file)
    password = credentials.clickhouse["ingest"].reveal()

    def filled(dsn: str) -> str:
        return with_secrets({VARIABLE: str(file), "TRAILHOUSE_CLICKHOUSE_DSN": dsn})[
            "TRAILHOUSE_CLICKHOUSE_DSN"
        ]

    assert filled("http://ingest@127.0.0.1:8123/db") == f"http://ingest:{password}@127.0.0.1:8123/db"
    for dsn in ("http://ingest:x@127.0.0.1:8123/db", "http://me@h/db", "http://h/db"):
        assert filled(dsn) == dsn


def test_on_a_cluster_nothing_is_filled_in() -> None:
    """The environment is taken as it is."""
    environ = {"TRAILHOUSE_PEPPER": "p", "TRAILHOUSE_CLICKHOUSE_DSN": "http://ingest@h/db"}
    assert with_secrets(environ) == environ
