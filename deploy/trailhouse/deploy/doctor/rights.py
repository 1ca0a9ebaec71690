"""Who else may read what is ours alone: secrets, the state folder, the spool."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from trailhouse.deploy.doctor.finding import Finding, fail, ok

AREA: Final = "permissions"
_OTHERS: Final = 0o077


def look(secrets: Iterable[Path], folders: Iterable[Path]) -> Iterator[Finding]:
    """Files with secrets and folders with data: there or not, whose they are, what others may; what is missing is
    passed over.
    """
    for path in (*secrets, *folders):
        try:
            found = path.stat()
        except FileNotFoundError:
            continue
        mode = stat.S_IMODE(found.st_mode)
        is_folder = stat.S_ISDIR(found.st_mode)
        if found.st_uid != os.geteuid():
            yield fail(AREA, str(path), f"belongs to user {found.st_uid}", "run as its owner, or chown it")
        elif mode & _OTHERS:
            yield fail(
                AREA,
                str(path),
                f"mode {mode:o}: others have rights",
                f"chmod {700 if is_folder else 600} {path}",
            )
        elif is_folder and not os.access(path, os.W_OK | os.X_OK):
            yield fail(AREA, str(path), f"mode {mode:o}: we cannot write", f"chmod 700 {path}")
        else:
            yield ok(AREA, str(path), f"mode {mode:o}")
