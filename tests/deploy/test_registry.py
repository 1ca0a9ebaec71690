"""The list of stacks this user started."""

from __future__ import annotations

from pathlib import Path

from trailhouse.deploy.registry import registry_file, remember, started_stacks


def test_the_last_started_comes_first(tmp_path: Path) -> None:
    """Starting a stack moves it to the front; folders that are gone drop out."""
    environ = {"TRAILHOUSE_STATE_HOME": str(tmp_path / "home")}
    a, b, gone = (tmp_path / name for name in ("a", "b", "gone"))
    for folder in (a, b):
        folder.mkdir()
    assert started_stacks(environ) == []
    for folder in (a, gone, b, a):
        remember(folder, environ)
    assert started_stacks(environ) == [a, b]


def test_a_damaged_list_counts_as_empty(tmp_path: Path) -> None:
    """Nobody is kept from working by a file that can be written anew."""
    environ = {"TRAILHOUSE_STATE_HOME": str(tmp_path)}
    registry_file(environ).write_text("{")
    assert started_stacks(environ) == []
    assert registry_file({"HOME": "/home/me"}) == Path("/home/me/.local/state/trailhouse/stacks.json")
    assert registry_file({"HOME": "/h", "XDG_STATE_HOME": "/x"}) == Path("/x/trailhouse/stacks.json")
