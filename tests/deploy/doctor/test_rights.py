"""Rights on files and folders, broken for real."""

from __future__ import annotations

from pathlib import Path

import pytest

from trailhouse.deploy.doctor import rights


def test_what_is_the_owners_alone_is_well(tmp_path: Path) -> None:
    """What does not exist is passed over."""
    secrets, folder = tmp_path / "secrets.json", tmp_path / "spool"
    secrets.touch(mode=0o600)
    folder.mkdir(mode=0o700)
    found = list(rights.look([secrets, tmp_path / "gone"], [folder]))
    assert [(each.level, each.found) for each in found] == [("ok", "mode 600"), ("ok", "mode 700")]


def test_others_may_do_nothing(tmp_path: Path) -> None:
    """A secret others can read, a folder they can enter."""
    secrets, folder = tmp_path / "secrets.json", tmp_path / "spool"
    secrets.touch()
    secrets.chmod(0o640)
    folder.mkdir()
    folder.chmod(0o755)
    found = list(rights.look([secrets], [folder]))
    assert [each.level for each in found] == ["fail", "fail"]
    assert [each.advice for each in found] == [f"chmod 600 {secrets}", f"chmod 700 {folder}"]


def test_anothers_files_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A role that runs as somebody else cannot read or write them."""
    monkeypatch.setattr("os.geteuid", lambda: tmp_path.stat().st_uid + 1)
    (found,) = rights.look([], [tmp_path])
    assert (found.level, found.advice) == ("fail", "run as its owner, or chown it")
