"""What axe-core says of a page: it comes over the browser's debugger, as the page's own policy lets nothing in."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Final

AXE: Final = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
SEVERE: Final = frozenset({"serious", "critical"})
RUN: Final = """async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations.map((each) => ({
    id: each.id, impact: each.impact, where: each.nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} ${node.any.map((one) => one.message).join(" ").slice(0, 200)}`),
  }));
}"""
# Menus and tables that are open are looked at, too; animations would be looked at half-way.
OPENED: Final = """() => {
  document.getAnimations().forEach((each) => each.finish());
  document.querySelectorAll("details").forEach((each) => { each.open = true; });
}"""
CLOSED: Final = '() => document.querySelectorAll("details.menu").forEach((each) => { each.open = false; })'


def severe(page: Any) -> list[dict[str, Any]]:
    """What is serious or critical; the page has `AXE`."""
    return [each for each in page.evaluate(RUN) if each["impact"] in SEVERE]


def severe_in_both(page: Any) -> dict[str, list[dict[str, Any]]]:
    """What is serious in the light and in the dark, with all that can be opened open; nothing = {}."""
    page.evaluate(AXE)
    found = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.evaluate(OPENED)
        page.evaluate(CLOSED)
        if told := severe(page):
            found[scheme] = told
    return found
