"""A real Chromium over the company's dashboard.

The browser is the machine's own, Debian's `chromium` for one; playwright only drives it and fetches none. Where there is
none these tests are skipped with that reason; in continuous integration (`CI` is set) they fail instead.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from bench.looks.chromium import MISSING, browsing, path

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from tests.databases import Databases
    from tests.house import House

    from trailhouse.queries.key import Scope

ROOT = "/org/dashboard/"
TIMEOUT_MS = 120_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for the tests of a file: while it is open, nothing else in this process can run an event loop."""
    if path() is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with browsing() as started:
        yield started


@pytest.fixture(scope="session")
def company(databases: Databases) -> Iterator[House]:
    """The company with its dashboard."""
    from tests.house import house

    with house(databases) as made:
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
                # Signing in is tested by itself; here whoever has these rights already has the cookie for them.
                with company.visitor(scopes, orgs) as signed_in:
                    kept = dict(signed_in.cookies)
                context.add_cookies(
                    [
                        {"name": name, "value": value, "domain": "127.0.0.1", "path": ROOT, "sameSite": "Strict", "httpOnly": True}
                        for name, value in kept.items()
                    ]
                )  # fmt: skip
            yield found
        finally:
            context.close()

    return visit
