"""What must be true before a stack is started; each check raises an error that says what to do."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from typing import Final

from trailhouse.deploy.errors import DeployError, MissingPackage

OLDEST_PYTHON: Final = (3, 11)
# Kafka's heap of 512 MB, the engine, three Python processes.
NEEDED_MEMORY: Final = 1_500_000_000
PACKAGES: Final = {
    "faust": "faust-streaming",
    "clickhouse_connect": "clickhouse-connect",
    "fastapi": "fastapi",
    "uvicorn": "uvicorn",
    "chdb": "chdb",
    "psutil": "psutil",
    "starlette": "starlette",
    "multipart": "python-multipart",
    "supervisor": "supervisor",
    "zstandard": "zstandard",
}


def check_python(version: tuple[int, int] = sys.version_info[:2]) -> None:
    """Raise when this Python is too old."""
    if version < OLDEST_PYTHON:
        raise DeployError(
            f"Python {version[0]}.{version[1]} is too old",
            cause=f"trailhouse needs Python {OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} or newer",
            hint="make an environment with a newer one: python3.11 -m venv .venv",
        )


def check_packages(modules: Iterable[str] = tuple(PACKAGES)) -> None:
    """Raise `MissingPackage` for the first of these modules that cannot be imported."""
    for module in modules:
        if module not in sys.modules and importlib.util.find_spec(module) is None:
            raise MissingPackage(PACKAGES.get(module, module), "local")


def check_memory(available: int, needed: int = NEEDED_MEMORY) -> None:
    """Raise when less than `needed` bytes of memory are free."""
    if available < needed:
        raise DeployError(
            f"only {available / 1e9:.1f} GB of memory are free",
            cause=f"the local stack needs {needed / 1e9:.1f} GB (Kafka, ClickHouse and three Python processes)",
            hint="close something, or use a Kafka and a ClickHouse elsewhere: TRAILHOUSE_KAFKA_BOOTSTRAP, TRAILHOUSE_CLICKHOUSE_DSN",
        )
