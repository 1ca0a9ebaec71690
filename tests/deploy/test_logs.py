"""One log out of five."""

from __future__ import annotations

import io
from pathlib import Path

from trailhouse.deploy.logs import LogFollower


def test_what_is_new_line_by_line(tmp_path: Path) -> None:
    """Old lines are not shown, half a line waits for its end, a role that logs later joins in."""
    sink, out = tmp_path / "sink.log", io.StringIO()
    sink.write_text("old\n")
    follower = LogFollower(tmp_path, out, is_coloured=False, roles=("sink", "api"))
    with sink.open("a") as log:
        log.write("one\ntw")
    follower.show()
    assert out.getvalue() == "sink       | one\n"
    with sink.open("a") as log:
        log.write("o\n")
    (tmp_path / "api.log").write_text("hello\n")
    follower.show()
    assert out.getvalue() == "sink       | one\nsink       | two\napi        | hello\n"


def test_rotation_loses_no_line(tmp_path: Path) -> None:
    """Lines before and after a rotation are shown once each."""
    log, out = tmp_path / "sink.log", io.StringIO()
    log.write_text("")
    follower = LogFollower(tmp_path, out, is_coloured=True, roles=("sink",))
    log.write_text("before\n")
    log.rename(tmp_path / "sink.log.1")
    log.write_text("after\n")
    follower.show()
    follower.show()
    assert [line.rpartition(" ")[2] for line in out.getvalue().splitlines()] == ["before", "after"]
    assert out.getvalue().startswith("\x1b[35msink")
