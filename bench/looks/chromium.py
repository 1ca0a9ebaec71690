"""The machine's own browser, driven by playwright, which fetches none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING: Final = "no Chromium on this machine: apt install chromium (or name one in TRAILHOUSE_TEST_CHROMIUM)"


class NoBrowser(Exception):
    """There is no Chromium on this machine."""


def path() -> str | None:
    """Where the browser is."""
    named = os.environ.get("TRAILHOUSE_TEST_CHROMIUM")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


@contextmanager
def browsing() -> Iterator[Browser]:
    """The browser; raises `NoBrowser`."""
    found = path()
    if found is None:
        raise NoBrowser(MISSING)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        # Chromium's own sandbox needs rights that containers do not give; the pages are ours.
        started = driver.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        try:
            yield started
        finally:
            started.close()
