"""Where the spool lies on disk, and that nobody else can read it."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from trailhouse.producers.errors import SpoolFailed

OFF: Final = "off"


def default_root(environ: Mapping[str, str]) -> Path:
    """The user's state folder, as the XDG specification has it. Raises `SpoolFailed` where there is no home."""
    if (state := environ.get("XDG_STATE_HOME", "")).startswith("/"):
        return Path(state) / "trailhouse/spool"
    try:
        return Path("~/.local/state/trailhouse/spool").expanduser()
    except RuntimeError as error:
        raise SpoolFailed(f"there is no home folder for a spool: {error}") from None


def destination_of(bootstrap: str, topic: str) -> str:
    """The name of the folder for events to one topic of one cluster: what is left by one is never sent to another."""
    brokers = ",".join(sorted(part.strip() for part in bootstrap.split(",")))
    name = re.sub(r"[^A-Za-z0-9._-]", "_", topic)
    return f"{name}-{hashlib.sha256(f'{brokers} {topic}'.encode()).hexdigest()[:12]}"


def open_folder(root: Path, destination: str) -> Path:
    """Make `root/destination`, which its owner alone may enter. Raises `SpoolFailed` with what is wrong."""
    folder = root / destination
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise SpoolFailed(f"the spool {folder} is not a folder of this user; events hold personal data")
        if found.st_mode & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise SpoolFailed(f"the spool {folder} cannot be made: {error}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SpoolFailed(f"the spool {folder} cannot be written")
    return folder
