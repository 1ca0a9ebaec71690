"""`python -m trailhouse.deploy.dashboards FOLDER`: write every dashboard into `FOLDER/NAME.json`."""

from __future__ import annotations

import sys
from pathlib import Path

from trailhouse.deploy.dashboards.writing import written


def main(folder: Path) -> None:
    for name, text in written().items():
        path = folder / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(f"wrote {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
