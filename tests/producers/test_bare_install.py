"""What the SDK brings into somebody else's service."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def loaded_after(statement: str) -> set[str]:
    """Top-level packages outside the standard library that a fresh interpreter has loaded after `statement`."""
    script = f"import sys; before = set(sys.modules)\n{statement}\nprint(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    packages = {name.partition(".")[0] for name in done.stdout.split()}
    return {name for name in packages if name not in sys.stdlib_module_names and not name.startswith("_")}


def test_importing_the_sdk_loads_orjson_and_nothing_else() -> None:
    """No Kafka driver, no msgspec, no command line: only the standard library and orjson."""
    assert loaded_after("import trailhouse.producers") == {"trailhouse", "orjson"}


def test_a_memory_transport_needs_no_driver() -> None:
    """Tests of code that emits run without Kafka's client being loaded."""
    statement = (
        "from trailhouse.producers import AuditProducer, MemoryTransport\n"
        "with AuditProducer(transport=MemoryTransport()) as trail: trail.emit('a:b', org_id='acme')"
    )
    assert loaded_after(statement) == {"trailhouse", "orjson"}


def test_a_kafka_producer_loads_its_three_drivers() -> None:
    """kafka-python, and crc32c and lz4 without which it is slow; it tries further codecs that others may have installed."""
    statement = "from trailhouse.producers import AuditProducer\nAuditProducer(bootstrap='127.0.0.1:1')"
    loaded = loaded_after(statement) - {"zstandard", "snappy", "cramjam", "gssapi"}
    assert loaded == {"trailhouse", "orjson", "kafka", "crc32c", "lz4"}


def test_importing_the_sdk_starts_nothing() -> None:
    """No thread, no exit hook of ours, no file or socket."""
    script = "import atexit, threading; import trailhouse.producers; print(threading.active_count(), atexit._ncallbacks())"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    baseline = subprocess.run(
        [
            sys.executable,
            "-c",
            "import atexit, threading, logging, orjson, typing; print(threading.active_count(), atexit._ncallbacks())",
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == baseline.stdout


def test_the_bare_install_asks_for_those_four_packages() -> None:
    """`pip install trailhouse` is the SDK alone."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert {line.split(">")[0] for line in wanted} == {"kafka-python", "crc32c", "lz4", "orjson"}
