"""`make screenshots`: the pages of a simulated company as small pictures in docs/pictures, for the README and the docs.

Its clock stands still and its seed is fixed, so the same code gives the same pictures on the same machine.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from PIL import Image

from bench.looks.chromium import browsing
from bench.looks.showcase import Showcase, showing
from trailhouse.deploy.clickhouse import LocalClickHouse

FOLDER: Final = Path(__file__).parents[2] / "docs/pictures"
BYTES_MAX: Final = 120_000
COLOURS: Final = 128
DESK: Final = {"width": 1280, "height": 800}
PHONE: Final = {"width": 390, "height": 844}


@dataclass(frozen=True, slots=True)
class Picture:
    """One file: which page, in which colours, how large the window is, and what is done on it first."""

    name: str
    path: str
    scheme: str = "light"
    window: Mapping[str, int] = field(default_factory=lambda: DESK)
    hovered: str = ""


HOVER: Final = "#over_time .canvas"
PICTURES: Final = (
    Picture("activity-light", "activity?over_time=3m", hovered=HOVER),
    Picture("activity-dark", "activity?over_time=3m", "dark", hovered=HOVER),
    Picture("users", "", window={"width": 1280, "height": 620}),
    Picture("members", "members"),
    Picture("usage", "usage"),
    Picture("usage-entities", "usage?area=entities", window={"width": 1280, "height": 760}),
    Picture("statistics", "statistics"),
    Picture(
        "security",
        "security?failed=12m&failed_from=12m&first_seen=12m",
        window={"width": 1280, "height": 760},
    ),
    Picture("audit-log", "log", "dark", window={"width": 1280, "height": 620}),
    Picture("phone", "activity", window=PHONE),
)


def main() -> int:
    os.environ.setdefault("TRAILHOUSE_SEND", "always")
    os.environ.setdefault("TRAILHOUSE_SPOOL_DIR", "off")
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="trailhouse-pictures-") as folder,
        LocalClickHouse(Path(folder) / "clickhouse").running() as server,
        showing(server) as showcase,
        browsing() as browser,
    ):
        for each in PICTURES:
            file = FOLDER / f"{each.name}.png"
            file.write_bytes(small(take(browser, showcase, each)))
            size = file.stat().st_size
            print(f"{file.relative_to(FOLDER.parents[1])}  {size:,} B", file=sys.stderr, flush=True)
            if size > BYTES_MAX:
                print(f"error: {file.name} is larger than {BYTES_MAX:,} B", file=sys.stderr)
                return 1
    return 0


def take(browser: Any, showcase: Showcase, picture: Picture) -> bytes:
    """The page as a visitor with every right sees it, as PNG."""
    context = browser.new_context(
        viewport=dict(picture.window), color_scheme=picture.scheme, reduced_motion="reduce", locale="en-GB"
    )
    try:
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.goto(f"{showcase.url}/org/dashboard/sign-in")
        page.fill("#key", showcase.key)
        page.click("button.primary")
        page.wait_for_selector("h1")
        page.goto(
            f"{showcase.url}/org/dashboard/{picture.path}{'&' if '?' in picture.path else '?'}org={showcase.org}"
        )
        if picture.hovered:
            box = page.locator(picture.hovered).bounding_box()
            page.mouse.move(box["x"] + box["width"] * 0.62, box["y"] + box["height"] * 0.4)
        return bytes(page.screenshot())
    finally:
        context.close()


def small(png: bytes) -> bytes:
    """The picture with as many colours as it needs and no more."""
    with Image.open(io.BytesIO(png)) as picture:
        few = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    out = io.BytesIO()
    few.save(out, "PNG", optimize=True)
    return out.getvalue()


if __name__ == "__main__":
    sys.exit(main())
