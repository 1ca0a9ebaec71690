"""Where the spool lies."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from trailhouse.producers.errors import SpoolFailed
from trailhouse.producers.folder import default_root, destination_of, open_folder


def test_the_default_is_the_users_state_folder() -> None:
    """As the XDG specification has it; a relative path there is to be ignored."""
    assert default_root({"XDG_STATE_HOME": "/var/state"}) == Path("/var/state/trailhouse/spool")
    home = Path("~/.local/state/trailhouse/spool").expanduser()
    assert default_root({}) == default_root({"XDG_STATE_HOME": "state"}) == home


def test_without_a_home_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service user may have none."""

    def homeless(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", homeless)
    with pytest.raises(SpoolFailed, match="no home folder"):
        default_root({})


def test_each_cluster_and_topic_has_its_own() -> None:
    """What was meant for one is never sent to the other; the order of the brokers does not matter."""
    here = destination_of("a:1,b:2", "audit.events")
    assert here == destination_of("b:2, a:1", "audit.events")
    assert here.startswith("audit.events-")
    assert len({here, destination_of("a:1", "audit.events"), destination_of("a:1,b:2", "other")}) == 3
    assert "/" not in destination_of("a:1", "../../etc")


def test_only_the_owner_may_enter(tmp_path: Path) -> None:
    """Made so, or mended."""
    folder = open_folder(tmp_path / "root", "topic")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o755)
    assert stat.S_IMODE(open_folder(tmp_path / "root", "topic").stat().st_mode) == 0o700


def test_what_is_no_folder_of_ours_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file, a link somebody laid there, another user's folder, one that cannot be made."""
    (tmp_path / "file").write_text("")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("file", "link"):
        with pytest.raises(SpoolFailed):
            open_folder(tmp_path, name)
    with pytest.raises(SpoolFailed, match="cannot be made"):
        open_folder(tmp_path / "file", "topic")
    monkeypatch.setattr(os, "geteuid", lambda: -1)
    with pytest.raises(SpoolFailed, match="not a folder of this user"):
        open_folder(tmp_path, "topic")
