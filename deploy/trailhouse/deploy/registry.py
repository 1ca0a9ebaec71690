"""Which stacks this user started, the last one first, so that commands find it from any folder."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_KEPT: Final = 20


def registry_file(environ: Mapping[str, str]) -> Path:
    """The file that lists them: under `TRAILHOUSE_STATE_HOME`, else the user's state folder."""
    if home := environ.get("TRAILHOUSE_STATE_HOME"):
        return Path(home) / "stacks.json"
    state = environ.get("XDG_STATE_HOME") or str(
        Path(environ.get("HOME") or Path.home()) / ".local" / "state"
    )
    return Path(state) / "trailhouse" / "stacks.json"


def started_stacks(environ: Mapping[str, str]) -> list[Path]:
    """Folders of stacks, the last started first; a file that cannot be read counts as empty."""
    try:
        return [Path(folder) for folder in json.loads(registry_file(environ).read_text())]
    except (OSError, ValueError, TypeError):
        return []


def remember(folder: Path, environ: Mapping[str, str]) -> None:
    """Put `folder` first in the list."""
    file = registry_file(environ)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    folders = [folder, *(other for other in started_stacks(environ) if other != folder and other.is_dir())]
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_text(json.dumps([str(each) for each in folders[:_KEPT]]))
    draft.replace(file)
