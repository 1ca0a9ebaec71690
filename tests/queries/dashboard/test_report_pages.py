"""Pages of panels: every figure on them is the report's."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.house import EVERYTHING, ORG, OTHER, ROOT, House
from tests.queries.keyring import bearer

from trailhouse.queries.dashboard import report_pages
from trailhouse.queries.dashboard.page import Page, Panel
from trailhouse.queries.dashboard.pages import PAGES
from trailhouse.queries.dashboard.panel import ask_panel
from trailhouse.queries.reports import load
from trailhouse.sinks.org_settings import OrgSettings, set_org_settings
from trailhouse.stream.correlation import current

BUILT = [page for each in PAGES if (page := each.having(load())).sections]
# Each page, and of those that show one section at a time each of these.
SHOWN = [
    (page, section.key, section.panels if page.is_tabbed else page.panels)
    for page in BUILT
    for section in (page.sections if page.is_tabbed else page.sections[:1])
]


def panels(page: str) -> dict[str, str]:
    """Each panel's HTML by its key."""
    return dict(re.findall(r'<article class="panel w-\w+" id="(\w+)"(.*?)</article>', page, re.DOTALL))


def figures(panel: str) -> dict[str, Any]:
    """What the script reads of a chart."""
    found = re.search(r'data-plot="([^"]+)"', panel)
    assert found, panel
    told: dict[str, Any] = json.loads(unescape(found[1]))
    return told


@pytest.mark.usefixtures("kept_answers")
@pytest.mark.parametrize(
    ("page", "area", "panels_of"), SHOWN, ids=[f"{page.name}-{area}" for page, area, _ in SHOWN]
)
def test_every_figure_is_the_reports(
    company: House, page: Page, area: str, panels_of: tuple[Panel, ...]
) -> None:
    """Each panel's export link gives the API's file byte for byte, and the panel shows its figures."""
    with company.visitor() as client, httpx.Client(base_url=company.url, timeout=120) as api:
        shown = panels(client.get(f"{page.name}?org={ORG}&area={area}").text)
        assert list(shown) == [panel.key for panel in panels_of]
        for panel in panels_of:
            html = shown[panel.key]
            assert 'role="alert"' not in html, html
            to = re.search(r'href="(/org/dashboard/export/[^"]+)"', html)
            assert to
            address = urlsplit(unescape(to[1]))
            params = {name: values[0] for name, values in parse_qs(address.query).items()}
            assert params["org"] == ORG
            file = client.get(company.url + unescape(to[1]))
            asked = params | {"format": "csv"}
            wanted = api.get(f"/api/v1/reports/{panel.report}", params=asked, headers=bearer(company.key()))
            assert wanted.status_code == 200, wanted.text
            if panel.report != "who_read_what":  # asking changes it
                assert file.text == wanted.text
            rows = list(csv.reader(io.StringIO(file.text, newline="")))[1:]
            text = unescape(html)
            for row in rows[:5]:
                for value in row:
                    if value.isdigit() and panel.report != "who_read_what":
                        assert f"{int(value):,}" in text, (panel.key, value)


def test_every_plot_has_its_own_period(company: House) -> None:
    """In the address: another plot's stays as it is; the picker's links keep all others (WD11)."""
    with company.visitor() as client:
        page = client.get(f"activity?org={ORG}&over_time=30d&weekly=12m").text
        other = client.get(f"activity?org={ORG}&over_time=30d").text
    assert len(figures(panels(page)["over_time"])["labels"]) == 30
    assert len(figures(panels(other)["over_time"])["labels"]) == 30
    assert "Last 12 months" in panels(page)["weekly"].split("<ul>")[0]
    link = re.search(r'href="([^"]+)" data-period="all">All time', panels(page)["over_time"])
    assert link
    assert parse_qs(urlsplit(unescape(link[1])).query) == {
        "org": [ORG],
        "over_time": ["all"],
        "weekly": ["12m"],
    }


def test_one_picker_drives_all_panels_of_members(company: House) -> None:
    """Seven days are seven dates, the last of them today and so far (WS8, design rule 7)."""
    with company.visitor() as client:
        page = client.get(f"members?org={ORG}&last=7d&weekly=90d").text
    found = panels(page)
    assert len({re.search(r"<footer><p>([^<]+)", each)[1] for each in found.values()}) == 1  # type: ignore[index]
    assert all("so far" in each for each in found.values())
    assert figures(found["weekly"])["labels"][-1].endswith("(so far)")
    assert len(re.findall(r"<tr>", found["leaders"])) == 11
    assert page.count('class="menu right period"') == 0
    assert "wandb-saas: <q>" in found["leaders"]


def test_a_panel_that_fails_is_told_in_its_place(company: House) -> None:
    """The others are shown."""
    with company.visitor() as client:
        page = client.get(f"activity?org={ORG}&total=never").text
    found = panels(page)
    assert 'role="alert"' in found["total"]
    assert 'role="alert"' not in found["weekly"]


def test_nothing_in_a_period_says_what_to_do(company: House) -> None:
    """Not an empty chart."""
    with company.visitor() as client:
        assert "Nothing to count" in panels(client.get(f"pipeline?org={ORG}").text)["rejected"]


def test_reading_a_page_and_exports_are_recorded(company: House) -> None:
    """One record a page, with its panels; a file is an export."""
    with company.visitor() as client:
        company.recorded.take()
        client.get(f"activity?org={ORG}")
        client.get(f"export/active_users.csv?org={ORG}&last=7d")
    read, exported = company.recorded.take()
    assert (read["action"], read["org_id"]) == ("analytics:read", ORG)
    assert read["attributes"]["report"] == "dashboard/activity"
    assert "weekly_active_users" in read["attributes"]["panels"]
    assert (exported["action"], exported["attributes"]["report"]) == ("export:create", "active_users")


def test_a_first_visit_is_small(company: House) -> None:
    """At most 60 KB, packed, with everything a page loads."""
    with company.visitor() as client:
        size = 0
        page = client.get(f"activity?org={ORG}&over_time=all", headers={"accept-encoding": "identity"}).text
        size += len(gzip.compress(page.encode(), 5))
        for name in re.findall(r'(?:href|src)="(/org/dashboard/static/[^"]+)"', page):
            answer = client.get(company.url + name)
            assert answer.status_code == 200
            size += int(answer.headers["content-length"])
    assert size < 60_000
    assert page.count(ROOT) > 10


@pytest.mark.parametrize("query", ["org=acme&org=beta", "org=*", "company=Initech"])
def test_several_organisations_are_counted_as_the_api_counts_them(company: House, query: str) -> None:
    """WS6, P2: the same figures, in the panel and in its file, for orgs by name, all of one's own, or a company's."""
    for org in (ORG, OTHER):
        set_org_settings(company.database, OrgSettings(org, company="Initech"))
    text = company.key(EVERYTHING, (ORG, OTHER))
    asked = query.replace("org=*", "org=acme&org=beta") + "&last=30d&timezone=UTC"
    api = httpx.get(
        f"{company.url}/api/v1/reports/active_users?{asked}&format=csv", headers=bearer(text), timeout=60
    )
    single = httpx.get(
        f"{company.url}/api/v1/reports/active_users?org=acme&last=30d&format=csv",
        headers=bearer(text),
        timeout=60,
    )
    try:
        with company.visitor(EVERYTHING, (ORG, OTHER)) as client:
            file = client.get(f"export/active_users.csv?{query}&last=30d&timezone=UTC")
            page = client.get(f"activity?{query}&total=30d&timezone=UTC")
    finally:
        for org in (ORG, OTHER):
            set_org_settings(company.database, OrgSettings(org))
    assert file.content == api.content != single.content
    figure = api.text.splitlines()[1].split(",")[0].strip('"')
    assert f'title="{int(figure):,} ' in page.text.split('id="total"')[1]


def test_a_time_of_ones_own(company: House) -> None:
    """Two dates in the address are the period of one chart; the pill takes them away again (design rule 16)."""
    since = datetime.now(UTC).date() - timedelta(days=9)
    until = since + timedelta(days=4)
    with company.visitor() as client:
        page = client.get(f"activity?org={ORG}&over_time={since}..{until}").text
        wrong = client.get(f"activity?org={ORG}&over_time={until}..never").text
    found = panels(page)["over_time"]
    assert figures(found)["days"] == [str(since + timedelta(n)) for n in range(5)] + [str(until)]
    assert f'href="{ROOT}activity?org={ORG}#over_time" title="Back' in found
    assert 'role="alert"' in panels(wrong)["over_time"]


def test_what_is_compared_stands_beside_it(company: House) -> None:
    """Both values and both times on a card; a line of its own in a chart; off is off (design rules 6 and 10)."""
    with company.visitor() as client:
        before = panels(client.get(f"activity?org={ORG}&total=7d&over_time=30d&compare=weekdays").text)
        off = panels(client.get(f"activity?org={ORG}&total=7d&compare=off").text)
        wrong = client.get(f"activity?org={ORG}&compare=never").text
    assert len(re.findall(r"<dt>[^<]+", before["total"])) == 2
    assert len(figures(before["over_time"])["before"]) == 30
    assert 'class="line before"' in before["over_time"]
    assert "<dt>" not in off["total"]
    assert "before" not in figures(off["over_time"])
    assert 'role="alert"' in panels(wrong)["total"]


def test_failed_panels_are_named_together(company: House) -> None:
    """At the top, each with where it is (design rule 21)."""
    with company.visitor() as client:
        page = client.get(f"activity?org={ORG}&total=never&weekly=never").text
    assert re.search(r'class="alarm".*2 of 4 panels.*href="#total".*href="#weekly"', page)


def test_what_the_panels_say_belongs_to_the_request(company: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is asked in a thread of its own, on behalf of who looks at the page; so is the event of its being read."""
    seen: list[str] = []

    def note(*given: Any, **more: Any) -> Any:
        seen.append(current())
        return ask_panel(*given, **more)

    monkeypatch.setattr(report_pages, "ask_panel", note)
    company.recorded.take()
    page = BUILT[0]
    with company.visitor() as client:
        answer = client.get(f"{page.name}?org={ORG}", headers={"X-Request-Id": "look-1"})
    assert answer.headers["x-request-id"] == "look-1"
    assert seen
    assert set(seen) == {"look-1"}
    events = [event for event in company.recorded.take() if event["action"] == "analytics:read"]
    assert [event["correlation_id"] for event in events] == ["look-1"]


def test_two_dates_of_a_form_become_the_period(company: House) -> None:
    """Whichever is the earlier, for the panel or for the page that has one period; the rest of the address stays."""
    dates = "first=2026-03-07&last_day=2026-03-01"
    with company.visitor() as client:
        form = client.get(f"activity?org={ORG}&compare=off").text
        panel = client.get(f"activity?org={ORG}&compare=off&period=over_time&{dates}")
        page = client.get(f"members?org={ORG}&period=last&{dates}&timezone=UTC")
        wrong = [
            client.get(f"activity?org={ORG}&period={each}").status_code
            for each in ("nothing", "total", "last")
        ]
    assert (
        panel.headers["location"]
        == f"{ROOT}activity?org={ORG}&compare=off&over_time=2026-03-01..2026-03-07#over_time"
    )
    assert page.headers["location"] == f"{ROOT}members?org={ORG}&timezone=UTC&last=2026-03-01..2026-03-07"
    assert wrong == [400, 400, 400]
    assert (
        '<input type="hidden" name="compare" value="off"><input type="hidden" name="period" value="over_time">'
        in form
    )
