"""The host: room on its disks, and how many files a process may open."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from trailhouse.deploy.doctor.finding import Finding, fail, ok, warn

AREA: Final = "host"
#: Shares of a disk below which alerts fire as well (deploy/prometheus).
FREE_WARN, FREE_FAIL = 0.15, 0.05
#: A role has a connection to each broker and a file for each; ClickHouse and Kafka beside it need many more.
FILES_WARN, FILES_FAIL = 4096, 1024


def look(folders: Mapping[str, Path], files: int | None = None) -> Iterator[Finding]:
    """Disks of `folders` (what it is for -> where), and the limit of open files (None = this process's own)."""
    yield from disks(folders.items())
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if files is None else files
    yield limit_of_files(limit)


def disks(folders: Iterable[tuple[str, Path]]) -> Iterator[Finding]:
    """Each disk once, with the folders on it; of one that does not exist yet, that of what it will be made in."""
    named: dict[int, list[str]] = {}
    usages = {}
    for name, folder in folders:
        there = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
        device = there.stat().st_dev
        named.setdefault(device, []).append(name)
        usages[device] = shutil.disk_usage(there)
    for device, usage in usages.items():
        yield room(AREA, f"disk of {', '.join(named[device])}", usage.free, usage.total)


def room(area: str, name: str, free: float, total: float) -> Finding:
    """How much of a disk is free."""
    share = free / total if total else 0.0
    found = f"{free / 1e9:,.1f} of {total / 1e9:,.1f} GB free ({share:.0%})"
    if share < FREE_FAIL:
        return fail(area, name, found, "make room, or give it a larger disk, before writes fail")
    if share < FREE_WARN:
        return warn(area, name, found, "make room, or give it a larger disk")
    return ok(area, name, found)


def limit_of_files(limit: int) -> Finding:
    """How many files a process may open; unlimited is shown as that."""
    if limit == resource.RLIM_INFINITY:
        return ok(AREA, "open files", "unlimited")
    found = f"at most {limit}"
    if limit < FILES_FAIL:
        return fail(AREA, "open files", found, f"raise it to {FILES_WARN} or more: ulimit -n, LimitNOFILE=")
    if limit < FILES_WARN:
        return warn(AREA, "open files", found, f"raise it to {FILES_WARN} or more: ulimit -n, LimitNOFILE=")
    return ok(AREA, "open files", found)
