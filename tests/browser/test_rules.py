"""The dashboard's design rules (docs/dashboard.md lists them) that only a browser can show."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
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
        # The highest: on a Monday the first week of thirty days is one Sunday.
        assert max(bar.bounding_box()["height"] for bar in page.locator("svg rect.bar").all()) > 20
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


def test_rules_13_14_a_tooltip_at_both_ends_and_arrows_both_ways(visiting: Any) -> None:
    """The nearest date's, on the screen also where the chart begins and ends; a key goes back as it goes on, and no further."""
    with visiting(EVERYTHING, viewport={"width": 390, "height": 844}) as visit:
        page = visit.page
        visit.go(f"activity?org={ORG}&over_time=30d")
        canvas = page.locator("#over_time .canvas")
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        titles = []
        for x in (box["x"] + 1, box["x"] + box["width"] - 1):
            page.mouse.move(x, box["y"] + 60)
            titles.append(page.inner_text(".tip b"))
            tip = page.locator(".tip").bounding_box()
            assert tip["x"] >= 0
            assert tip["x"] + tip["width"] <= 390
            assert tip["y"] >= 0
        page.mouse.move(0, 0)
        page.focus("#over_time .plot")
        for key, wanted in (("ArrowLeft", titles[1]), ("Home", titles[0]), ("ArrowLeft", titles[0])):
            page.keyboard.press(key)
            assert page.inner_text(".tip b") == wanted, key
        page.keyboard.press("ArrowRight")
        second = page.inner_text(".tip b")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowLeft")
        assert page.inner_text(".tip b") == second != titles[0]
        assert page.text_content("#live").startswith(f"{second}: ")


def test_rule_19_the_sql_on_the_clipboard(visiting: Any) -> None:
    """What the button copies is what stands there, whole."""
    with visiting(EVERYTHING, permissions=["clipboard-read", "clipboard-write"]) as visit:
        visit.go(f"sql/active_users?org={ORG}")
        visit.page.click("text=Copy SQL")
        visit.page.wait_for_selector(".tip >> text=Copied")
        copied = visit.page.evaluate("navigator.clipboard.readText()")
        assert copied == visit.page.text_content("#sql")
        assert copied.count("SELECT") >= 1


def test_the_other_keys(visiting: Any) -> None:
    """A week, a year, anew, dark, and out of what is open; what is typed into a field is no key."""
    with visiting(EVERYTHING, color_scheme="light") as visit:
        page = visit.page
        visit.go(f"members?org={ORG}")
        page.keyboard.press("w")
        page.wait_for_url(re.compile("last=7d"))
        visit.go(f"activity?org={ORG}")
        page.focus("#over_time .plot")
        page.keyboard.press("y")
        page.wait_for_url(re.compile("over_time=12m"))
        page.evaluate("window.old = true")
        with page.expect_navigation():
            page.keyboard.press("r")
        assert not page.evaluate("window.old")
        page.keyboard.press("t")
        assert page.get_attribute("html", "data-theme") == "dark"
        page.keyboard.press("t")
        assert page.get_attribute("html", "data-theme") == "light"
        page.click("#weekly .more summary")
        page.keyboard.press("Escape")
        assert page.locator(".menu[open]").count() == 0
        assert page.evaluate("document.activeElement.matches('#weekly .more summary')")
        visit.go(f"log?org={ORG}")
        page.keyboard.press("/")
        page.keyboard.type("try")
        assert page.input_value("input[type=search]") == "try"
        assert page.get_attribute("html", "data-theme") == "light"
        page.keyboard.press("Escape")
        assert page.input_value("input[type=search]") == ""


def test_rule_21_failed_panels_are_named_at_the_top(visiting: Any) -> None:
    """Below the head and above the panels, though they are the last of the page to be known: without the script, on paper."""
    for options in ({}, {"java_script_enabled": False, "viewport": {"width": 390, "height": 844}}):
        with visiting(EVERYTHING, **options) as visit:
            page = visit.page
            visit.go(f"activity?org={ORG}&total=never&weekly=never")
            for media in ("screen", "print"):
                page.emulate_media(media=media)
                alarm, head = page.locator(".alarm").bounding_box(), page.locator("h1").bounding_box()
                assert "2 of 4 panels" in page.inner_text(".alarm")
                assert alarm["y"] >= head["y"] + head["height"], media
                for panel in page.locator("article.panel").all():
                    assert alarm["y"] + alarm["height"] <= panel.bounding_box()["y"], media


def assert_on_screen(page: Any, what: str) -> None:
    """Nothing of it is beyond the left or the right edge."""
    box = page.locator(what).bounding_box()
    assert 0 <= box["x"] <= box["x"] + box["width"] <= page.viewport_size["width"], what


def test_days_of_ones_own_without_a_mouse(visiting: Any) -> None:
    """Two dates in a panel's menu, in the page's one period and in the comparison: without the script, on a phone."""
    until = datetime.now(UTC).date()
    since = until - timedelta(days=4)
    with visiting(EVERYTHING, java_script_enabled=False, viewport={"width": 390, "height": 844}) as visit:
        page = visit.page
        visit.go(f"activity?org={ORG}&weekly=12m&timezone=UTC")
        page.click("#over_time .period summary")
        assert_on_screen(page, "#over_time .pop")
        page.fill("#over_time [name=first]", str(since))
        page.fill("#over_time [name=last_day]", str(until))
        page.press("#over_time [name=last_day]", "Enter")
        page.wait_for_url(re.compile(rf"over_time={since}\.\.{until}#over_time"))
        assert "weekly=12m" in page.url
        assert "timezone=UTC" in page.url
        page.click("#over_time .as-table summary")
        assert page.locator("#over_time tbody tr").count() == 5
        page.click(".compare summary")
        assert_on_screen(page, ".compare .pop")
        page.fill("[name=compare]", str(since - timedelta(days=5)))
        page.press("[name=compare]", "Enter")
        page.wait_for_url(re.compile(f"compare={since - timedelta(days=5)}"))
        assert page.locator("#over_time .line.before").count() == 1
        visit.go(f"members?org={ORG}")
        page.click(".own summary")
        assert_on_screen(page, ".own .pop")
        page.fill(".own [name=first]", str(since))
        page.fill(".own [name=last_day]", str(until))
        page.click("text=Show these days")
        page.wait_for_url(re.compile(rf"last={since}\.\.{until}"))
        assert page.locator(".segments [aria-current]").count() == 0
        assert len({each.split(" · ")[0] for each in page.locator("article footer").all_inner_texts()}) == 1
