"""A real Chromium over the company's dashboard.

The browser is the machine's own, Debian's `chromium` for one; playwright only drives it and fetches none. Where there is
none these tests are skipped with that reason; in continuous integration (`CI` is set) they fail instead.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from tests.house import House

    from trailhouse.deploy.clickhouse import LocalClickHouse
    from trailhouse.queries.key import Scope

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = "no Chromium on this machine: apt install chromium (or name one in TRAILHOUSE_TEST_CHROMIUM)"
TIMEOUT_MS = 120_000


def chromium() -> str | None:
    """The path of the browser."""
    named = os.environ.get("TRAILHOUSE_TEST_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests of a file."""
    path = chromium()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        # Chromium's own sandbox needs rights that containers do not give; the pages are ours.
        started = driver.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield started
        started.close()


@pytest.fixture(scope="session")
def company(clickhouse_server: LocalClickHouse) -> Iterator[House]:
    """The company with its dashboard."""
    from tests.house import house

    with house(clickhouse_server) as made:
        yield made


class Visit:
    """A person's browser; `complaints` are what it refused or what failed in a page."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.complaints: list[str] = []
        page.set_default_timeout(TIMEOUT_MS)
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def go(self, address: str) -> None:
        self.page.goto(f"{self.url}/org/dashboard/{address}")


@pytest.fixture
def visiting(browser: Browser, company: House) -> Any:
    """Open a browser of one's own: `with visiting(scopes, orgs, …) as visit`."""

    @contextmanager
    def visit(
        scopes: tuple[Scope, ...] | None, orgs: tuple[str, ...] = ("acme",), **options: Any
    ) -> Iterator[Visit]:
        context = browser.new_context(accept_downloads=True, **options)
        try:
            found = Visit(context.new_page(), company.url)
            if scopes is not None:
                found.go("sign-in")
                found.page.fill("#key", company.key(scopes, orgs))
                found.page.click("button.primary")
                found.page.wait_for_selector("h1")
            yield found
        finally:
            context.close()

    return visit
