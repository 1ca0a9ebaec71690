"""The secrets of a stack."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from trailhouse.deploy.credentials import IDENTITIES, load_credentials
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
    assert len(set(texts)) == 5
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
    """The password of the API's own identity is added, once; whatever else is kept stays, the pepper above all."""
    file = tmp_path / "secrets.json"
    before = load_credentials(file)
    kept = json.loads(file.read_text())
    del kept["clickhouse"]["api"]
    file.write_text(json.dumps(kept))
    after = load_credentials(file)
    assert after == load_credentials(file)
    assert after.pepper == before.pepper
    assert after.clickhouse["admin"] == before.clickhouse["admin"]
    assert len(after.clickhouse["api"].reveal()) >= 32
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
