"""`python -m trailhouse.deploy.reference PATH...`: write the generated blocks of these pages, or of all in a folder."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from trailhouse.deploy.reference.page import fill
from trailhouse.deploy.reference.report import add_pages


def main(paths: Sequence[str]) -> None:
    for path in map(Path, paths):
        if path.is_dir():
            add_pages(path / "reports")
        for page in sorted(path.glob("**/*.md")) if path.is_dir() else [path]:
            before = page.read_text()
            after = fill(before)
            if after != before:
                page.write_text(after)
                print(f"wrote {page}")


if __name__ == "__main__":
    main(sys.argv[1:])
