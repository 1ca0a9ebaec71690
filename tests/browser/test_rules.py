"""The dashboard's design rules (docs/dashboard.md lists them) that only a browser can show."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import httpx
from tests.house import EVERYTHING, ORG, OTHER, House
from tests.queries.keyring import bearer
from tests.sinks.lines import enriched

from trailhouse.sinks.clickhouse import insert_lines


def test_rules_1_2_25_cards_and_digits(visiting: Any) -> None:
    """Five to seven figures at the top, short, exact on hover and focus; digits are of one width and stand right."""
    with visiting(EVERYTHING) as visit:
        page = visit.page
        visit.go(f"statistics?org={ORG}")
        cards = page.locator("#people .figure, #people .parts dd, #summary .figure")
        assert 5 <= cards.count() <= 7
        card = page.locator("#summary .figure").last
        card.hover()
        exact = page.inner_text(".tip b")
        assert re.fullmatch(r"[\d,]+ events", exact)
        page.mouse.move(0, 0)
        card.focus()
        assert page.inner_text(".tip b") == exact
        assert page.evaluate("getComputedStyle(document.body).fontVariantNumeric") == "tabular-nums"
        assert page.evaluate(
            "[...document.querySelectorAll('td.number:not(:first-child)')].every((each) => getComputedStyle(each).textAlign === 'right')"
        )
        assert page.locator("nav.side a").count() == 10  # no menu has another below it
        assert page.locator("nav.side li li").count() == 0


def test_rules_10_17_keys_and_addresses(visiting: Any) -> None:
    """One key compares, one each sets the period; the address has all of it, and a fresh session shows the same."""
    with visiting(EVERYTHING) as visit:
        page = visit.page
        visit.go(f"activity?org={ORG}")
        page.keyboard.press("x")
        page.wait_for_url(re.compile("compare=weekdays"))
        page.focus("#over_time .plot")
        page.keyboard.press("m")
        page.wait_for_url(re.compile("over_time=30d"))
        page.wait_for_selector("#over_time .line.before", state="attached")
        page.focus("#over_time .plot")
        page.keyboard.press("End")
        assert "before: " in page.inner_text(".tip")
        page.keyboard.press("?")
        assert page.is_visible("dialog#help")
        page.keyboard.press("Escape")
        address, shown = page.url, page.locator("article .body").all_inner_texts()
        visit.go(f"members?org={ORG}")
        page.keyboard.press("d")
        page.wait_for_url(re.compile("last=7d"))
    with visiting(EVERYTHING) as visit:
        visit.page.goto(address)
        assert visit.page.locator("article .body").all_inner_texts() == shown


def test_rules_11_12_one_zone_one_clock(company: House, visiting: Any) -> None:
    """The zone is named once on a page; chart, table and file have its days and its times, written one way."""
    with visiting(EVERYTHING) as visit:
        page = visit.page
        visit.go(f"statistics?org={ORG}&timezone=Asia/Tehran")
        assert page.inner_text("main").count("Asia/Tehran") == 1
        times = page.locator("#logins td.nowrap").all_inner_texts()
        assert times
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|\N{EN DASH}", each) for each in times)
        params = {"org": ORG, "timezone": "Asia/Tehran", "last": "90d"}
        answer = httpx.get(
            f"{company.url}/api/v1/reports/last_logins",
            params=params,
            headers=bearer(company.key()),
            timeout=120,
        )
        wanted = [row["last_login"] for row in answer.json()["rows"]]
        assert (
            times[: len(wanted)]
            == [
                f"{datetime.fromisoformat(each):%Y-%m-%d %H:%M:%S}" if each else "\N{EN DASH}"
                for each in wanted
            ][: len(times)]
        )


def test_rule_16_a_place_opens_and_a_stretch_zooms(visiting: Any) -> None:
    """A click on a date leads to its events, a stretch drawn over with the pointer becomes the period, the pill undoes it."""
    with visiting(EVERYTHING) as visit:
        page = visit.page
        visit.go(f"activity?org={ORG}&over_time=30d")
        canvas = page.locator("#over_time .canvas")
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()

        def at(place: float) -> tuple[float, float]:
            return box["x"] + box["width"] * place / 29, box["y"] + 60

        page.mouse.move(*at(5))
        page.mouse.down()
        page.mouse.move(*at(7))
        page.mouse.move(*at(9))
        page.mouse.up()
        page.wait_for_url(re.compile(r"over_time=\d{4}-\d\d-\d\d\.\."))
        page.click("#over_time .as-table summary")
        assert page.locator("#over_time tbody tr").count() == 5
        page.click("#over_time .pill")
        page.wait_for_url(lambda url: "over_time=" not in url)
        page.focus("#over_time .plot")
        page.keyboard.press("End")
        tip = page.inner_text(".tip")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("explain/users_active_over_time"))
        assert f"counted anew they give {tip.splitlines()[-1].split()[0]}" in page.inner_text(".lead")


def test_rule_19_the_menu(company: House, visiting: Any) -> None:
    """CSV, JSON and SVG; SQL, events; the link and the call of the API on the clipboard."""
    with visiting(EVERYTHING, permissions=["clipboard-read", "clipboard-write"]) as visit:
        page = visit.page
        visit.go(f"activity?org={ORG}&weekly=30d")
        page.click("#weekly .more summary")
        assert page.locator("#weekly .more li").all_inner_texts() == [
            "Export to CSV", "Export to JSON", "Save as SVG", "Show the SQL", "Open the events behind this", "Copy link",
            "Copy API call",
        ]  # fmt: skip
        with page.expect_download() as download:
            page.click("#weekly >> text=Save as SVG")
        name = download.value.suggested_filename
        assert re.fullmatch(r"weekly_active_users_\d{4}-\d\d-\d\d_\d{4}-\d\d-\d\d\.svg", name)
        # A saved picture looks as it does here, without our styles beside it.
        svg = download.value.path().read_text()
        page.set_content(f"<body>{svg}</body>")
        assert page.locator("svg rect.bar").first.bounding_box()["height"] > 20
        visit.go(f"activity?org={ORG}&weekly=30d")
        page.click("#weekly .more summary")
        page.click("#weekly >> text=Copy API call")
        page.wait_for_selector(".tip >> text=Copied")
        call = page.evaluate("navigator.clipboard.readText()")
    address = re.search(r'"(http[^"]+)"', call)
    assert address
    assert address[1].startswith(f"{company.url}/api/v1/reports/weekly_active_users?")
    answer = httpx.get(address[1], headers=bearer(company.key()), timeout=120)
    assert answer.json()["params"]["last" if "last" in answer.json()["params"] else "org"]


def test_rules_20_22_23_freshness_and_states(company: House, visiting: Any) -> None:
    """Each panel says how fresh it is; never any data is a page that tells how to begin, and notices the first event."""
    with visiting(EVERYTHING) as visit:
        page = visit.page
        visit.go(f"activity?org={ORG}")
        assert all("up to " in each for each in page.locator("article footer").all_inner_texts())
        assert page.locator(".fresh .since").inner_text().startswith("up to ")
        page.evaluate(
            "addEventListener('pagehide', () => { sessionStorage.seen = document.documentElement.className; })"
        )
        page.click("nav.side >> text=Members")
        page.wait_for_selector("h1 >> text=Members")
        assert page.evaluate("[sessionStorage.seen, document.documentElement.className]") == ["loading", ""]
    with visiting(EVERYTHING, ("newcomers",)) as visit:
        page = visit.page
        visit.go("activity?org=newcomers")
        page.wait_for_selector("#total [data-waiting]")
        assert "trailhouse demo" in page.inner_text("#total")
        now = datetime.now(UTC)
        event = {
            "event_id": "6a1c2a4e-0000-4000-8000-000000000001", "occurred_at": now.isoformat(), "org_id": "newcomers",
            "action": "page:view", "actor_user_id": "first",
        }  # fmt: skip
        insert_lines(company.database, "landing", enriched([event], epoch="epoch-n", received=now))
        page.wait_for_selector("#total .figure >> text=1")


def test_rule_24_no_flash(visiting: Any) -> None:
    """The choice of colours is read before anything is drawn: by the script in the head, which nothing delays."""
    with visiting(EVERYTHING) as visit:
        visit.go(f"settings?org={ORG}")
        script = visit.page.locator("head script")
        assert script.count() == 1
        assert script.get_attribute("defer") is None
        visit.page.click("[data-theme-toggle]")
        visit.page.add_init_script(
            "addEventListener('DOMContentLoaded', () => { window.early = document.documentElement.dataset.theme; }, true);"
        )
        visit.page.reload()
        assert visit.page.evaluate("window.early") == "dark"


def test_print_and_two_orgs(visiting: Any) -> None:
    """On paper there is no navigation, ink is dark on white whatever the screen is, and the page says what it is."""
    with visiting(EVERYTHING, (ORG, OTHER), color_scheme="dark") as visit:
        page = visit.page
        visit.go(f"activity?org={ORG}")
        page.emulate_media(media="print")
        assert not page.is_visible("nav.side")
        assert not page.is_visible("#weekly .more")
        assert page.is_visible("#weekly .plot")
        assert ORG in page.inner_text(".printed")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert page.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(0, 0, 0)"
