"""What we print to be pasted works where it is pasted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from trailhouse.deploy.invocation import install_line, own_command, source_of, spelled


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A clone with our command in its environment."""
    path = tmp_path / "clone" / ".venv" / "bin" / "trailhouse"
    path.parent.mkdir(parents=True)
    path.touch(mode=0o755)
    return path


def test_the_command_is_spelled_as_it_can_be_called(script: Path, tmp_path: Path) -> None:
    """By name on the PATH, else by path: from within the clone the short one; another one of that name is not it."""
    clone = tmp_path / "clone"
    elsewhere = tmp_path / "other"
    elsewhere.mkdir()
    assert own_command(str(script), {"PATH": str(script.parent)}, clone) == "trailhouse"
    assert own_command(str(script), {"PATH": "/usr/bin"}, clone) == ".venv/bin/trailhouse"
    assert own_command(".venv/bin/trailhouse", {}, Path()) in {".venv/bin/trailhouse", "trailhouse"}
    assert own_command(str(script), {}, elsewhere) == str(script)
    shutil.copy(script, elsewhere)
    assert own_command(str(script), {"PATH": str(elsewhere)}, clone) == ".venv/bin/trailhouse"


def test_commands_are_spelled_and_sentences_are_not() -> None:
    """Called by name nothing changes; a path that ends with the name, and the product's name, stay."""
    text = "run `trailhouse migrate`; trailhouse: 97 events; /x/trailhouse up; trailhouse --help"
    assert spelled(text) == text
    code = "import sys; from trailhouse.deploy.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "status", "--data", "nowhere"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PATH": "/usr/bin:/bin"},
        cwd=Path(sys.executable).parents[1],
        timeout=60,
    )
    assert done.stderr.splitlines()[-1].startswith("hint: start it: bin/trailhouse up --data ")


@pytest.mark.parametrize(
    ("origin", "source"),
    [
        ({}, "'trailhouse[local]'"),
        ({"url": "https://example.com/trailhouse.whl", "archive_info": {}}, "'trailhouse[local]'"),
        ({"url": "file:///home/ann/my%20clone", "dir_info": {}}, "'/home/ann/my clone[local]'"),
        ({"url": "file:///src", "dir_info": {"editable": True}}, "--editable '/src[local]'"),
    ],
)
def test_an_extra_comes_from_where_we_came_from(
    origin: dict[str, dict[str, bool] | str], source: str
) -> None:
    """A clone's extras are installed from the clone; the name alone is for who got us by name."""
    assert source_of(origin, "local") == source
    assert install_line("local").startswith("pip install ")
