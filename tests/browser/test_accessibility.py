"""axe-core over every page, in light and in dark: nothing serious and nothing critical."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.browser.axe import AXE, severe, severe_in_both
from tests.house import EVERYTHING, ORG, OTHER

AREAS = ("users", "entities", "actions", "sources", "ai")
PAGES = (
    "", "activity?compare=previous&", "members", *(f"usage?area={area}&" for area in AREAS), "statistics", "security", "log",
    "pipeline", "settings", "notifications", "sql/active_users", "explain/active_users?row.active_users=1&", "no-such-page", "log?q=nothing-at-all&",
)  # fmt: skip


@pytest.mark.parametrize("name", PAGES, ids=[each.split("&")[0] or "users" for each in PAGES])
def test_nothing_serious(visiting: Any, name: str) -> None:
    """A page is loaded once; its colours change under it, as the system's do. The policy is the product's own: axe comes
    over the browser's debugger."""
    with visiting(EVERYTHING) as visit:
        page = visit.page
        visit.go(f"{name}{'' if name.endswith('&') else '?'}org={ORG}")
        assert severe_in_both(page) == {}
        assert not [each for each in visit.complaints if "40" not in each]


def test_nothing_serious_of_one_event_and_where_an_organisation_is_chosen(visiting: Any) -> None:
    """The two pages that have no address of their own beforehand."""
    with visiting(EVERYTHING) as visit:
        visit.go(f"log?org={ORG}&action=user:login")
        visit.page.locator(".log time").first.click()
        visit.page.wait_for_url(re.compile("/log/[0-9a-f]{8}-"))
        visit.page.wait_for_selector("text=Its way through the pipeline")
        assert severe_in_both(visit.page) == {}
    with visiting(EVERYTHING, (ORG, OTHER)) as visit:
        visit.go("activity")
        assert visit.page.inner_text("h1") == "Choose an organization"
        assert severe_in_both(visit.page) == {}


def test_signing_in_and_open_menus(visiting: Any) -> None:
    """The page before all others, and a panel's menus while they are open."""
    with visiting(None) as visit:
        visit.go("sign-in")
        visit.page.evaluate(AXE)
        assert severe(visit.page) == []
    with visiting(EVERYTHING, reduced_motion="reduce") as visit:
        visit.go(f"activity?org={ORG}")
        visit.page.evaluate(AXE)
        for menu in ("#weekly .more", "#weekly .period", ".compare", "summary[aria-label^='Signed in']"):
            visit.page.click(menu if menu.startswith("summary") else f"{menu} summary")
            assert severe(visit.page) == [], menu


def test_axe_does_find_something(visiting: Any) -> None:
    """A picture without words and grey on grey are found: the test can fail."""
    with visiting(EVERYTHING) as visit:
        visit.go(f"settings?org={ORG}")
        visit.page.evaluate(AXE)
        visit.page.evaluate(
            "() => { const p = document.createElement('img'); p.src = ''; document.querySelector('main').append(p); }"
        )
        assert [each["id"] for each in severe(visit.page)] == ["image-alt"]
