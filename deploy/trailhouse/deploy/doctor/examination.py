"""The whole examination of a stack, or of the environment a role will have."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from trailhouse.deploy.doctor import cluster, environment, host, rights, store, versions
from trailhouse.deploy.doctor.finding import Finding, examined
from trailhouse.deploy.stack import Stack
from trailhouse.producers.folder import OFF, default_root
from trailhouse.producers.settings import Settings, SpoolSettings

_HOLD_S: Final = 3600.0


def examine(
    stack: Stack | None,
    environ: Mapping[str, str],
    owners: Iterable[type[Settings]],
    *,
    kafka_ms: int = cluster.WAIT_MS,
) -> Iterator[Finding]:
    """Every finding, cheap ones first; `stack` None = only this host and its environment are looked at.

    `kafka_ms` is how long a broker is waited for.
    """
    yield from examined("versions", versions.look, "")
    yield from examined("settings", lambda: environment.look(environ, owners), "")
    secrets, folders = _places(stack, environ)
    yield from examined("permissions", lambda: rights.look(secrets, folders.values()), "run as the owner")
    yield from examined("host", lambda: host.look(folders or {"this folder": Path.cwd()}), "")
    if stack is None:
        return
    hold_s = _number(environ.get("TRAILHOUSE_BREAKER_HOLD_S"), _HOLD_S)
    yield from examined(
        cluster.AREA,
        lambda: cluster.look(stack.kafka, hold_s, wait_ms=kafka_ms),
        "is Kafka running, and reachable from here?",
    )
    yield from examined(
        store.AREA,
        lambda: store.look(
            stack.clickhouse("api"), writes=None if stack.folder is None else stack.clickhouse("ingest")
        ),
        "is ClickHouse running, and reachable from here? TRAILHOUSE_CLICKHOUSE_DSN",
    )


def _places(stack: Stack | None, environ: Mapping[str, str]) -> tuple[list[Path], dict[str, Path]]:
    """Files with secrets; folders with data, by what they are for."""
    secrets, folders = [], {}
    if stack is not None and stack.folder is not None:
        secrets = [stack.folder.credentials, stack.folder.reader_curl, stack.folder.analyst_curl]
        folders = {
            name: getattr(stack.folder, name)
            for name in ("kafka", "clickhouse", "stream", "spool", "logs", "runfiles")
        }
    if named := environ.get("TRAILHOUSE_CREDENTIALS"):
        secrets.append(Path(named))
    spool = environ.get("TRAILHOUSE_SPOOL_DIR", SpoolSettings().dir)
    if spool != OFF:
        root = Path(spool).expanduser() if spool else default_root(environ)
        folders["the SDK's spool"] = root
        if root.is_dir() and os.access(root, os.R_OK | os.X_OK):
            folders |= {f"spool {each.name}": each for each in sorted(root.iterdir()) if each.is_dir()}
            del folders["the SDK's spool"]  # the folders in it are what others must not enter
            folders = folders or {"the SDK's spool": root}
    return secrets, folders


def _number(text: str | None, default: float) -> float:
    try:
        return float(text) if text else default
    except ValueError:  # the settings' finding says so
        return default
