"""The peers: each in an environment of its own, locked by hashes, made when first needed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
VENVS = HERE.parent / ".venvs"


def python_of(peer: str) -> str:
    """The interpreter of a peer's environment, named after its lock so that a new lock means a new environment."""
    lock = HERE / peer / "requirements.lock"
    folder = VENVS / f"{peer}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    if not (folder / ".ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", str(lock)],
            check=True,
            env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        )
        (folder / ".ready").touch()
    return str(python)
