"""The state folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from trailhouse.deploy.errors import DeployError
from trailhouse.deploy.folder import StackFolder


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


@pytest.mark.parametrize("name", ['say "hi"', "a;b", "a #b", "100%", "back\\slash", "two\nlines"])
def test_a_name_that_supervisord_cannot_read_is_refused(tmp_path: Path, name: str) -> None:
    """The error comes before anything is created."""
    with pytest.raises(DeployError, match="in its name"):
        StackFolder.at(tmp_path / name).make()
    assert list(tmp_path.iterdir()) == []
