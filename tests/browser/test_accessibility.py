"""axe-core over every page, in light and in dark: nothing serious and nothing critical."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest
from tests.house import EVERYTHING, ORG

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
SEVERE = {"serious", "critical"}
AREAS = ("users", "entities", "actions", "sources", "ai")
PAGES = (
    "", "activity?compare=previous&", "members", *(f"usage?area={area}&" for area in AREAS), "statistics", "security", "log",
    "pipeline", "settings", "sql/active_users", "explain/active_users?row.active_users=1&", "no-such-page", "log?q=nothing-at-all&",
)  # fmt: skip
# Menus and tables that are open are looked at, too; animations would be looked at half-way.
OPENED = """() => {
  document.getAnimations().forEach((each) => each.finish());
  document.querySelectorAll("details").forEach((each) => { each.open = true; });
}"""
CLOSED = '() => document.querySelectorAll("details.menu").forEach((each) => { each.open = false; })'
RUN = """async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations.map((each) => ({
    id: each.id, impact: each.impact, where: each.nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} ${node.any.map((one) => one.message).join(" ").slice(0, 200)}`),
  }));
}"""


def severe(page: Any) -> list[dict[str, Any]]:
    return [each for each in page.evaluate(RUN) if each["impact"] in SEVERE]


@pytest.mark.parametrize("name", PAGES, ids=[each.split("&")[0] or "users" for each in PAGES])
def test_nothing_serious(visiting: Any, name: str) -> None:
    """A page is loaded once; its colours change under it, as the system's do. The policy is the product's own: axe comes
    over the browser's debugger."""
    with visiting(EVERYTHING) as visit:
        page = visit.page
        visit.go(f"{name}{'' if name.endswith('&') else '?'}org={ORG}")
        page.evaluate(AXE)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.evaluate(OPENED)
            page.evaluate(CLOSED)
            assert severe(page) == [], scheme
        assert not [each for each in visit.complaints if "40" not in each]


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
