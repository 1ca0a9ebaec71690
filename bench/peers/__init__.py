"""The peers: each in an environment of its own, locked by hashes, made when first needed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
VENVS = HERE.parent / ".venvs"
ERROR_LINES = 3


class PeerMissing(Exception):
    """A peer cannot be installed here; the text is the end of what the installer said."""


def python_of(peer: str, home: Path = HERE) -> str:
    """The interpreter of a peer's environment, named after its lock so that a new lock means a new environment.

    Raises `PeerMissing`; the next run tries again.
    """
    lock = home / peer / "requirements.lock"
    folder = VENVS / f"{peer}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    if not (folder / ".ready").exists():
        _run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder)])
        _install(str(python), "--quiet", "--require-hashes", "--requirement", str(lock))
        (folder / ".ready").touch()
    return str(python)


def _install(python: str, *arguments: str) -> None:
    """With uv, as the project itself; with pip where only pip knows the way to the packages."""
    uv = Path(sys.executable).with_name("uv")
    try:
        _run([str(uv), "pip", "install", "--python", python, *arguments])
    except (PeerMissing, FileNotFoundError):
        _run([python, "-m", "ensurepip", "--default-pip"])
        _run([python, "-m", "pip", "install", *arguments])


def _run(argv: list[str]) -> None:
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-ERROR_LINES:]
        raise PeerMissing(" ".join(said) or f"{argv[0]} ended with status {done.returncode}")
