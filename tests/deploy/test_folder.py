"""The state folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from trailhouse.deploy.errors import DeployError
from trailhouse.deploy.folder import StackFolder, private_files


def test_the_socket_fits_into_an_address(tmp_path: Path) -> None:
    """A folder deep down has its socket elsewhere, always the same one and no other folder's."""
    shallow = StackFolder.at(Path("/s"))
    assert shallow.socket == Path("/s/run/supervisor.sock")
    deep, other = (StackFolder.at(tmp_path / ("d" * 100) / name) for name in ("a", "b"))
    assert len(os.fsencode(deep.socket)) <= 100
    assert deep.socket == StackFolder.at(deep.path).socket != other.socket


def test_the_folder_is_the_owners_alone(tmp_path: Path) -> None:
    """Others can read neither state nor logs."""
    folder = StackFolder.at(tmp_path / "stack")
    folder.make()
    for path in (folder.path, folder.logs, folder.runfiles):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    folder.make()


def test_what_an_earlier_version_left_open_is_closed(tmp_path: Path) -> None:
    """Its own folders lose the rights of others; a folder that somebody made and named stays as it is."""
    folder = StackFolder.at(tmp_path / "mine")
    folder.kafka.mkdir(parents=True)
    for path in (folder.path, folder.kafka):
        path.chmod(0o755)
    folder.make()
    assert stat.S_IMODE(folder.kafka.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o755


def test_private_files_are_the_owners_alone(tmp_path: Path) -> None:
    """Within the block, and not after it."""
    before = os.umask(0o022)
    try:
        with private_files():
            (tmp_path / "private").touch()
        (tmp_path / "other").touch()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "private").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "other").stat().st_mode) == 0o644


@pytest.mark.parametrize("name", ['say "hi"', "a;b", "a #b", "100%", "back\\slash", "two\nlines"])
def test_a_name_that_supervisord_cannot_read_is_refused(tmp_path: Path, name: str) -> None:
    """The error comes before anything is created."""
    with pytest.raises(DeployError, match="in its name"):
        StackFolder.at(tmp_path / name).make()
    assert list(tmp_path.iterdir()) == []
