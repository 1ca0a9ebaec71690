"""The files an installation is made of, as data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def compose(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """`compose.yaml` with its variables put in, as Compose does: from `environ`, else each one's default."""
    text = substitute((DEPLOY / "compose.yaml").read_text(), environ or {})
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def substitute(text: str, environ: Mapping[str, str]) -> str:
    """`${NAME:-default}`; a variable without a default must be set."""
    return re.sub(r"\$\{(\w+)(?::-([^}]*))?\}", lambda m: environ.get(m[1]) or m[2], text)


def env_example() -> dict[str, str]:
    """The variables of `.env.example`."""
    lines = (DEPLOY / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order, continued lines joined, comments left out."""
    bare = "\n".join(
        line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")
    )
    joined = re.sub(r"\\\n\s*", "", bare)
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1].strip()) for line in joined.splitlines() if line]


def image_environ() -> dict[str, str]:
    """What the final image's ENV says."""
    last = max(number for number, (word, _) in enumerate(instructions()) if word == "FROM")
    found: dict[str, str] = {}
    for word, text in instructions()[last:]:
        if word == "ENV":
            found |= dict(pair.split("=", 1) for pair in text.split())
    return found
