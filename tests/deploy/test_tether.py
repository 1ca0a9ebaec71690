"""Processes of the local stack do not outlive the one that started them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen(
    [sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE, text=True, env=dict(os.environ, TRAILHOUSE_TETHER="1")
)
child.stdout.readline()
print(child.pid, flush=True)
os._exit(0)
"""
CHILD = """
import sys, time
from trailhouse.deploy.tether import die_with_parent
die_with_parent()
print("tied", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux can tie a process to its parent")
def test_a_child_dies_with_its_parent() -> None:
    """Killed by the kernel, whatever it was doing."""
    done = subprocess.run(
        [sys.executable, "-c", PARENT, CHILD], capture_output=True, text=True, timeout=30, check=True
    )
    pid = int(done.stdout)
    # `tail` ends when that process does; a process that is gone already ends it at once.
    subprocess.run(["tail", f"--pid={pid}", "-f", os.devnull], timeout=10, check=True)
