"""Room on disks, and open files, with limits that are really set."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from trailhouse.deploy.doctor import host


def test_folders_on_one_disk_are_one_finding(tmp_path: Path) -> None:
    """One that does not exist yet is on its parent's."""
    found = list(host.look({"kafka": tmp_path, "spool": tmp_path / "not" / "yet"}))
    assert [each.name for each in found] == ["disk of kafka, spool", "open files"]
    assert f"{shutil.disk_usage(tmp_path).total / 1e9:,.1f} GB" in found[0].found


@pytest.mark.parametrize(("free", "level"), [(16, "ok"), (14, "warn"), (4, "fail"), (0, "fail")])
def test_a_disk_that_fills_is_found(free: int, level: str) -> None:
    """At the shares at which the alerts fire."""
    found = host.room("host", "disk", free * 1e9, 100e9)
    assert (found.level, bool(found.advice)) == (level, level != "ok")


def test_a_disk_without_a_size_is_full() -> None:
    """Some file systems say nothing."""
    assert host.room("host", "disk", 0, 0).level == "fail"


@pytest.mark.parametrize(("limit", "level"), [(8192, "ok"), (2048, "warn"), (256, "fail")])
def test_a_process_sees_the_limit_it_was_given(limit: int, level: str) -> None:
    """The shell's `ulimit -n`, for real."""
    script = "from trailhouse.deploy.doctor import host; print(list(host.look({}))[0].level)"
    done = subprocess.run(
        ["sh", "-c", f"ulimit -n {limit} && exec {sys.executable} -c '{script}'"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == level


def test_no_limit_is_well() -> None:
    """Infinity is a negative number to the system."""
    assert host.limit_of_files(resource.RLIM_INFINITY).found == "unlimited"
