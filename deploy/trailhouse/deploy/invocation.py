"""How this command was called, and how this package was installed: what we print to be pasted must work as it is."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

NAME: Final = "trailhouse"
_CALLED: Final = ContextVar("called", default=NAME)
# The command at the beginning of a command line, not a path that ends with its name nor a word of a sentence.
_COMMAND: Final = re.compile(rf"(?<![\w./-]){NAME} (?=--help\b|[a-z])")


def remember_call(argv0: str, environ: Mapping[str, str]) -> None:
    """From now on `spelled` writes the command as whoever called it can call it again."""
    _CALLED.set(own_command(argv0, environ, Path.cwd()))


def own_command(argv0: str, environ: Mapping[str, str], folder: Path) -> str:
    """`trailhouse` where the shell finds it by that name, else its path, from `folder` where it lies inside."""
    script = Path(argv0) if Path(argv0).name == NAME else Path(sys.executable).parent / NAME
    if not script.is_file():
        return NAME
    found = shutil.which(NAME, path=environ.get("PATH", ""))
    if found and Path(found).samefile(script):
        return NAME
    path = folder / script  # an absolute one stays itself
    return shlex.quote(str(path.relative_to(folder) if path.is_relative_to(folder) else path))


def spelled(text: str) -> str:
    """`text` with each `trailhouse COMMAND` in it spelled as this command was called."""
    return _COMMAND.sub(lambda _: f"{_CALLED.get()} ", text)


def short_path(path: Path) -> str:
    """A path as it can be pasted here: from the current folder where it lies inside."""
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


def install_line(extra: str) -> str:
    """The line that installs our `extra`: from the clone this package came from, where it came from one."""
    try:
        origin = json.loads(distribution(NAME).read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        origin = {}
    return f"pip install {source_of(origin, extra)}"


def source_of(origin: Mapping[str, dict[str, bool] | str], extra: str) -> str:
    """What pip calls us with `extra`, by the record of where we came from (PEP 610)."""
    kind, url = origin.get("dir_info"), urlsplit(str(origin.get("url", "")))
    if not isinstance(kind, dict) or url.scheme != "file":
        return f"'{NAME}[{extra}]'"
    return f"{'--editable ' if kind.get('editable') else ''}'{unquote(url.path)}[{extra}]'"
