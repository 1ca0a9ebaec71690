"""Programs of their own that emit to a real Kafka through a spool, and end in every way a program can end."""

from __future__ import annotations

import collections
import os
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import orjson
from tests.producers.test_transport import read_all

from trailhouse.producers import KafkaSettings

# CPython 3.12 and newer warn of every fork in a process with threads; these tests are about exactly that.
QUIET_FORK = ("-W", "ignore:This process:DeprecationWarning")
SETUP = """
import json, logging, os, resource, signal, sys, threading, time
from trailhouse.producers import *
logging.getLogger("kafka").setLevel(100)
kafka = KafkaSettings(bootstrap=sys.argv[1], raw_topic=sys.argv[2])
folder = sys.argv[3]
def work(trail, events, start=0):
    for number in range(start, start + events):
        trail.emit("a:b", org_id="acme", attributes={"n": number})
def resident_mb():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20
"""
NEXT = "AuditProducer(kafka, spool=folder).close()"


def start(
    script: str, kafka: KafkaSettings, folder: Path, *arguments: str, wrapper: Sequence[str] = ()
) -> subprocess.Popen[str]:
    """A program that knows `kafka`, the spool's `folder`, and `work(trail, events, start=0)`; run by `wrapper`."""
    return subprocess.Popen(
        [
            *wrapper,
            sys.executable,
            *QUIET_FORK,
            "-c",
            SETUP + textwrap.dedent(script),
            kafka.bootstrap,
            kafka.raw_topic,
            str(folder),
            *arguments,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def run(
    script: str, kafka: KafkaSettings, folder: Path, *arguments: str, timeout_s: float = 120
) -> tuple[int, str, str]:
    """Its exit status, stdout and stderr."""
    program = start(script, kafka, folder, *arguments)
    try:
        out, trouble = program.communicate(timeout=timeout_s)
    finally:
        program.kill()
        program.wait()
    return program.returncode, out, trouble


def numbers(kafka: KafkaSettings) -> collections.Counter[int]:
    """How often each number that `work` emitted is on the raw topic."""
    return collections.Counter(orjson.loads(value)["attributes"]["n"] for value in read_all(kafka))


def left(folder: Path) -> int:
    """Bytes in the spool's segments."""
    return sum(path.stat().st_size for path in folder.rglob("*.seg"))
