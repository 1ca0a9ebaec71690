"""The dashboard in a real browser: what people click, hover, type and read, against what the API says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.house import EVERYTHING, MASKED, ORG, OTHER, House
from tests.queries.keyring import bearer

PAGES = (
    "",
    "activity",
    "members",
    "usage",
    "statistics",
    "security",
    "log",
    "pipeline",
    "settings",
    "notifications",
)


#: Panels whose chart is larger than its place, over what stands below it.
OVERFLOWING = """[...document.querySelectorAll(".chart")]
  .filter((chart) => [...chart.children].some((each) => each.offsetHeight > chart.clientHeight + 1))
  .map((chart) => chart.closest("article").id)"""


def ask(company: House, path: str, **params: str) -> httpx.Response:
    answer = httpx.get(
        company.url + path, params={"org": ORG, **params}, headers=bearer(company.key()), timeout=120
    )
    answer.raise_for_status()
    return answer


def test_signing_in_and_being_refused(company: House, visiting: Any) -> None:
    """A wrong key is told, a right one opens the users; another organisation is a page that says no; out is out."""
    with visiting(None) as visit:
        visit.go("log?org=acme")
        page = visit.page
        page.fill("#key", "thk_wrong")
        page.press("#key", "Enter")
        assert "not valid" in page.inner_text("[role=alert]")
        page.fill("#key", company.key())
        page.press("#key", "Enter")
        page.wait_for_selector("table.log")
        assert page.url.endswith("/org/dashboard/log?org=acme")
        visit.go(f"activity?org={OTHER}")
        assert "Not allowed" in page.inner_text("h1")
        page.click("summary[aria-label^='Signed in']")
        page.click("text=Sign out")
        page.wait_for_selector("#key")
        visit.go("log?org=acme")
        assert page.is_visible("#key")


def test_nothing_is_refused_by_the_policy_and_nothing_comes_from_elsewhere(visiting: Any) -> None:
    """Every page, without one complaint of the browser, in one width with the screen of a phone."""
    with visiting(EVERYTHING, viewport={"width": 390, "height": 844}) as visit:
        asked: list[str] = []
        visit.page.on("request", lambda request: asked.append(request.url))
        for name in PAGES:
            visit.go(f"{name}?org={ORG}")
            wide = visit.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= 390, (name, wide)
            assert visit.page.evaluate(OVERFLOWING) == [], name
        # A page without a report yet is a 404, which the browser complains of.
        assert not [each for each in visit.complaints if "404" not in each]
        assert {re.sub(r"^(https?://[^/]+).*", r"\1", each) for each in asked} == {visit.url}


def test_charts_keep_to_their_place(visiting: Any) -> None:
    """Beside another panel a pie's legend is below it, and nothing of it over the panel's foot."""
    with visiting(EVERYTHING, viewport={"width": 1280, "height": 760}) as visit:
        for area in ("users", "entities", "sources", "ai"):
            visit.go(f"usage?org={ORG}&area={area}")
            assert visit.page.evaluate(OVERFLOWING) == [], area


def test_users_sort_search_hover_and_export(company: House, visiting: Any, tmp_path: Path) -> None:
    """WD2, WD7, WD12, K6: as the API has them."""
    users = ask(company, "/api/v1/users", sort="name").json()["users"]
    with visiting(EVERYTHING) as visit:
        page = visit.page
        visit.go(f"?org={ORG}")
        with page.expect_navigation():
            page.click("thead >> text=User")
        assert [each.split("\n")[0] for each in page.locator("td.who b").all_inner_texts()] == [
            each["name"] or each["user"] for each in users
        ]
        page.click("thead >> text=Last Active")
        assert page.get_attribute("th:has-text('Last Active')", "aria-sort") == "descending"
        page.hover("td.last.active >> nth=0 >> [data-tip]")
        assert re.search(r"Added .*\n\d+ active days?", page.inner_text(".tip"))
        name = users[0]["name"].split()[0]
        page.keyboard.press("/")
        page.keyboard.type(name.lower())
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("search="))
        assert all(name.lower() in each.lower() for each in page.locator("td.who").all_inner_texts())
        page.click("summary[aria-label='Actions for Users']")
        with page.expect_download() as download:
            page.click("text=Export as CSV")
        download.value.save_as(tmp_path / "users.csv")
    wanted = ask(company, "/api/v1/users", search=name.lower(), sort="last_active", format="csv").content
    assert (tmp_path / "users.csv").read_bytes() == wanted


def test_plots_have_periods_exact_values_and_keys(company: House, visiting: Any) -> None:
    """WD10, WD11: the hover is the report's figure for that date; arrow keys read it aloud; the address keeps it all."""
    rows = ask(company, "/api/v1/reports/users_active_over_time", last="30d").json()["rows"]
    with visiting(EVERYTHING) as visit:
        page = visit.page
        visit.go(f"activity?org={ORG}")
        page.click("#over_time .period summary")
        page.click("#over_time .period >> text=Last 30 days")
        page.wait_for_url(re.compile("over_time=30d"))
        plot = page.locator("#over_time .plot")
        plot.focus()
        page.keyboard.press("Home")
        assert page.inner_text(".tip").endswith(f"{rows[0]['active_users']:,} users")
        for row in rows[1:6]:
            page.keyboard.press("ArrowRight")
            assert page.inner_text(".tip").endswith(f"\n{row['active_users']:,} users"), row
        page.keyboard.press("End")
        assert "(so far)" in page.text_content("#live")
        box = page.locator("#over_time .canvas").bounding_box()
        page.mouse.move(box["x"] + box["width"] * 10 / 29, box["y"] + 90)
        assert page.inner_text(".tip").endswith(f"\n{rows[10]['active_users']:,} users")
        tip = page.locator(".tip").bounding_box()
        assert tip["x"] >= 0
        assert tip["x"] + tip["width"] <= page.viewport_size["width"]
        page.click("#over_time .as-table summary")
        assert page.locator("#over_time tbody tr").count() == len(rows)


def test_one_picker_for_members(company: House, visiting: Any) -> None:
    """WS8: all panels change together; the leaders are the report's."""
    with visiting(EVERYTHING) as visit:
        page = visit.page
        visit.go(f"members?org={ORG}")
        assert page.inner_text(".segments [aria-current]") == "Last 30 days"
        page.click("text=Last 7 days")
        page.wait_for_url(re.compile("last=7d"))
        footers = {each.split(" · ")[0] for each in page.locator("article footer").all_inner_texts()}
        assert len(footers) == 1
        rows = ask(company, "/api/v1/reports/most_active_users", last="7d").json()["rows"]
        assert page.locator("#leaders td.name").all_inner_texts() == [row["user"] for row in rows]


def test_every_panel_has_its_menu(company: House, visiting: Any, tmp_path: Path) -> None:
    """Export, SQL, the events behind it, its link; the file is the API's."""
    with visiting(EVERYTHING, permissions=["clipboard-read", "clipboard-write"]) as visit:
        page = visit.page
        visit.go(f"activity?org={ORG}&weekly=30d")
        page.click("#weekly .more summary")
        with page.expect_download() as download:
            page.click("#weekly >> text=Export to CSV")
        download.value.save_as(tmp_path / "weekly.csv")
        wanted = ask(company, "/api/v1/reports/weekly_active_users", last="30d", format="csv")
        assert (tmp_path / "weekly.csv").read_bytes() == wanted.content
        page.click("#weekly .more summary")
        page.click("#weekly >> text=Copy link")
        page.wait_for_selector(".tip >> text=Copied")
        assert (
            page.evaluate("navigator.clipboard.readText()")
            == f"{visit.url}/org/dashboard/activity?org=acme&weekly=30d#weekly"
        )
        page.click("#weekly .more summary")
        page.click("#weekly >> text=Show the SQL")
        assert "SELECT" in page.inner_text("#sql")
        page.go_back()
        page.click("#weekly .more summary")
        page.click("#weekly >> text=Open the events behind this")
        page.wait_for_selector("table.log")
        assert "since: " in page.inner_text("p.pills")


def test_the_log_filters_pages_and_shares(visiting: Any) -> None:
    """A click on an action filters, the pill takes it away, older goes on, an event's address is its own."""
    with visiting(EVERYTHING) as visit:
        page = visit.page
        visit.go(f"log?org={ORG}")
        first = page.locator(".log .action").first.inner_text()
        with page.expect_navigation():
            page.locator(".log .action").first.click()
        assert set(page.locator(".log .action").all_inner_texts()) == {first}
        page.click("p.pills a")
        page.wait_for_selector("p.pills", state="detached")
        page.click("text=Older")
        page.wait_for_url(re.compile("before="))
        page.locator(".log time").first.click()
        page.wait_for_selector("text=Its way through the pipeline")
        assert page.locator("text=Personal data").count() >= 1
        address = page.url
    with visiting(MASKED) as visit:
        visit.page.goto(address)
        assert "@example.com" not in visit.page.content()


def test_two_organisations_and_the_choice_between_them(visiting: Any) -> None:
    """Chosen in the head; the page and its state stay."""
    with visiting(EVERYTHING, (ORG, OTHER)) as visit:
        page = visit.page
        visit.go("activity?org=acme&timezone=Asia/Tehran")
        page.click(".org summary")
        page.click(f".org >> text={OTHER}")
        page.wait_for_url(re.compile("org=beta"))
        assert "timezone=Asia" in page.url
        assert page.inner_text("#total .figure b") == "1"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_can_be_read_and_chosen(visiting: Any, scheme: str) -> None:
    """AA contrast of what is written on what, in both; the choice holds on the next page."""
    with visiting(EVERYTHING, color_scheme=scheme) as visit:
        page = visit.page
        visit.go(f"activity?org={ORG}")
        found = page.evaluate(CONTRASTS)
        assert found
        assert {what: ratio for what, ratio in found.items() if ratio < 4.5} == {}
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.click("[data-theme-toggle]")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != ground
        page.reload()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != ground


def test_names_and_roles_for_screen_readers(visiting: Any) -> None:
    """Every control has a name, every table a caption or heads, every picture a label; one h1, landmarks, a language."""
    with visiting(EVERYTHING) as visit:
        for name in ("", "activity", "log", "settings"):
            visit.go(f"{name}?org={ORG}")
            assert visit.page.evaluate(NAMELESS) == [], name
            assert visit.page.locator("h1").count() == 1
            assert visit.page.locator("main, nav, header").count() >= 3
            assert visit.page.get_attribute("html", "lang") == "en"


def test_without_scripts_everything_can_be_read(visiting: Any) -> None:
    """Menus open, periods change, figures are in tables."""
    with visiting(EVERYTHING, java_script_enabled=False) as visit:
        page = visit.page
        visit.go(f"activity?org={ORG}")
        page.click("#weekly .period summary")
        page.click("#weekly .period >> text=Last 12 months")
        page.wait_for_url(re.compile("weekly=12m"))
        page.click("#weekly .as-table summary")
        assert page.locator("#weekly tbody tr").count() >= 52


# Of text in the page, the contrast to the ground it stands on (WCAG 2), the least by tag and class.
CONTRASTS = """() => {
  const channel = (v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parse = (text) => { const n = text.match(/[\\d.]+/g).map(Number); return [n[0], n[1], n[2], n.length > 3 ? n[3] : 1]; };
  const ground = (node) => {
    const over = [];
    for (let each = node; each; each = each.parentElement) {
      const colour = parse(getComputedStyle(each).backgroundColor);
      over.push(colour);
      if (colour[3] === 1) break;
    }
    return over.reverse().reduce((under, [r, g, b, a]) => [r * a + under[0] * (1 - a), g * a + under[1] * (1 - a), b * a + under[2] * (1 - a)], [255, 255, 255]);
  };
  const found = {};
  for (const node of document.querySelectorAll("body *")) {
    if (!node.checkVisibility() || ![...node.childNodes].some((each) => each.nodeType === 3 && each.textContent.trim())) continue;
    const style = getComputedStyle(node), a = light(ground(node)), svg = node.namespaceURI.includes("svg");
    const b = light(parse(svg ? style.fill : style.color));
    const key = `${node.tagName} ${node.getAttribute("class") || ""}`, ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    found[key] = Math.min(found[key] ?? 99, Math.round(ratio * 100) / 100);
  }
  return found;
}"""
NAMELESS = """() => {
  const named = (node) => (node.getAttribute("aria-label") || node.textContent || node.placeholder || "").trim()
    || (node.labels && node.labels.length) || node.title;
  const bare = [...document.querySelectorAll("a, button, summary, input:not([type=hidden]), select")].filter((each) => !named(each));
  const tables = [...document.querySelectorAll("table")].filter((each) => !each.caption && !each.querySelector("th"));
  const pictures = [...document.querySelectorAll("svg")].filter((each) => !each.closest("[aria-hidden=true]") && !each.getAttribute("aria-label"));
  const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  const twice = ids.filter((each, index) => ids.indexOf(each) !== index);
  return [...bare, ...tables, ...pictures].map((each) => each.outerHTML.slice(0, 120)).concat(twice);
}"""
