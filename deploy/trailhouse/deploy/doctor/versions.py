"""Versions: Python, and the packages of which exactly one is known to work."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Final

from trailhouse.deploy.checks import OLDEST_PYTHON
from trailhouse.deploy.doctor.finding import Finding, fail, ok

AREA: Final = "versions"
_EXACT: Final = re.compile(r"([\w.-]+)==([\w.!+]+)")


def look(
    python: tuple[int, ...] = sys.version_info[:3],
    wanted: Iterable[str] | None = None,
    installed: Callable[[str], str] = version,
) -> Iterator[Finding]:
    """Python, ourselves, and what we want in exactly one version; `wanted` = requirements as package metadata has them.

    A package that is not installed belongs to a role that does not run here.
    """
    text = ".".join(map(str, python))
    if python[:2] < OLDEST_PYTHON:
        yield fail(AREA, "Python", text, f"use {OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} or newer")
    else:
        yield ok(AREA, "Python", text)
    yield ok(AREA, "trailhouse", version("trailhouse"))
    # A package stands there once for each extra that wants it.
    for line in dict.fromkeys(
        each.partition(";")[0].strip()
        for each in ((requires("trailhouse") or []) if wanted is None else wanted)
    ):
        if (exact := _EXACT.match(line)) is None:
            continue
        name, needed = exact[1], exact[2]
        try:
            found = installed(name)
        except PackageNotFoundError:
            continue
        if found == needed:
            yield ok(AREA, name, found)
        else:
            yield fail(AREA, name, f"{found}; wanted {needed}", f"pip install {name}=={needed}")
