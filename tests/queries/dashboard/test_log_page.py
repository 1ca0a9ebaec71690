"""The page Audit log, against the event log of the API."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from tests.house import EVERYTHING, MASKED, ORG, House, rows_of
from tests.sinks.lines import enriched

from trailhouse.queries.dashboard import event_page
from trailhouse.queries.dashboard.figure import moment
from trailhouse.queries.key import EVERY_ORG
from trailhouse.sinks.clickhouse import insert_lines
from trailhouse.sinks.org_settings import OrgSettings, set_org_settings


def test_the_latest_events_first_and_older_pages(company: House) -> None:
    """Fifty at a time; going on by links alone meets no event twice."""
    with company.visitor() as client:
        seen: list[str] = []
        address = f"log?org={ORG}"
        for _ in range(3):
            page = client.get(address).text
            seen += re.findall(r'<td class="nowrap"><a href="/org/dashboard/log/([0-9a-f-]{36})', page)
            older = re.search(r'rel="next" href="([^"]+)"', page)
            assert older
            address = company.url + unescape(older[1])
    assert len(seen) == len(set(seen)) == 150


def test_filters_stand_in_the_address_and_can_be_taken_away(company: House) -> None:
    """Each is a pill that removes it (design rule 16)."""
    with company.visitor() as client:
        page = client.get(f"log?org={ORG}&action=user%3Alogin&outcome=failure").text
        rows = rows_of(page)[1:]
        assert rows
        assert {(row[2], row[4]) for row in rows} == {("user:login", "failure")}
        assert 'href="/org/dashboard/log?org=acme&amp;outcome=failure" title="Remove this filter"' in page
        none = client.get(f"log?org={ORG}&action=no%3Asuch").text
        assert "No event passes these filters" in none
        assert client.get(f"log?org={ORG}&outcome=odd").status_code == 400
        assert client.get(f"log?org={ORG}&before=odd").status_code == 400


def test_pseudonyms_in_the_list(company: House) -> None:
    """And nobody is found by a name there."""
    with company.visitor(MASKED) as client:
        page = client.get(f"log?org={ORG}").text
        assert all(row[1][:2] in {"u_", "", "an", "sy"} for row in rows_of(page)[1:])
        assert "@example.com" not in page
        assert client.get(f"log?org={ORG}&actor=u-0001").status_code == 400
        (mask, *_) = re.findall(r"u_[0-9a-f]{16}", page)
        assert {row[1] for row in rows_of(client.get(f"log?org={ORG}&actor={mask}").text)[1:]} == {mask}


def test_its_sql_finds_the_events_of_the_page(company: House) -> None:
    """What the menu shows can be run as it stands, filters and rights included."""
    for scopes in (EVERYTHING, MASKED):
        with company.visitor(scopes) as client:
            page = client.get(f"log?org={ORG}&action=user%3Alogin").text
            href = unescape(re.findall(r'href="([^"]*log\.sql[^"]*)"', page)[0])
            text = client.get(company.url + href).text
        sql = unescape(re.findall(r'<pre id="sql"[^>]*>(.*?)</pre>', text, re.DOTALL)[0])
        found = [row[1] for row in company.database.query(sql).result_rows]
        listed = re.findall(r"/log/([0-9a-f-]{36})", page)
        assert found[: len(listed)] == listed
        assert listed


def test_the_file_is_what_the_filters_give(company: House) -> None:
    """In the contract's names, and recorded as an export."""
    with company.visitor() as client:
        company.recorded.take()
        file = client.get(f"log.csv?org={ORG}&action=user%3Alogin")
    rows = list(csv.DictReader(io.StringIO(file.text, newline="")))
    assert rows
    assert {row["action"] for row in rows} == {"user:login"}
    assert rows[0]["event_id"]
    (told,) = company.recorded.take()
    assert (told["action"], told["attributes"]["filters"]) == ("export:create", "action")


def test_times_are_in_the_organisations_own_zone(company: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the address names none, as in reports; one that is named goes before it."""
    monkeypatch.setattr(event_page, "PATIENCE_S", 0.2)
    set_org_settings(company.database, OrgSettings(ORG, timezone="Asia/Tehran"))
    try:
        with company.visitor() as client:
            page = client.get(f"log?org={ORG}&action=user%3Alogin&outcome=failure").text
            utc = client.get(f"log?org={ORG}&action=user%3Alogin&outcome=failure&timezone=UTC").text
            (event_id, *_) = re.findall(r"/org/dashboard/log/([0-9a-f-]{36})", page)
            event = client.get(f"log/{event_id}?org={ORG}").text
    finally:
        set_org_settings(company.database, OrgSettings(ORG))
    (iso, shown) = re.findall(r'<time datetime="([^"]+)">([^<]+)</time></a></td>', page)[0]
    local = datetime.fromisoformat(iso).astimezone(ZoneInfo("Asia/Tehran"))
    assert shown == moment(local)
    assert "Time (Asia/Tehran)" in page
    assert "times in" in page
    assert "Asia/Tehran</a>" in page
    assert moment(local) in event
    assert "Time (UTC)" in utc
    assert f">{moment(datetime.fromisoformat(iso))}</time></a>" in utc


def test_an_empty_log_says_why_and_what_to_type(company: House) -> None:
    """Never an event, or none in these days; the line sends one where the page came from (design rules 22 and 23)."""
    at = datetime.now(UTC) - timedelta(days=60)
    event = {
        "event_id": "6a1c2a4e-0000-4000-8000-000000000060", "occurred_at": at.isoformat(), "org_id": "quiet",
        "action": "page:view", "actor_user_id": "ann",
    }  # fmt: skip
    insert_lines(company.database, "landing", enriched([event], epoch="epoch-quiet", received=at))
    with company.visitor(orgs=(EVERY_ORG,)) as client:
        never, quiet = (client.get(f"log?org={org}").text for org in ("nobodys", "quiet"))
        sql = client.get(f"sql/active_users?org={ORG}").text
    assert "No event yet" in never
    assert "data-waiting" in never
    assert "No event in the last 30 days" in quiet
    assert "data-waiting" not in quiet
    for page in (never, quiet):
        assert f"{company.url}/api/v1/events</pre>" in page
    assert (
        f"&#34;{company.url}/api/v1/reports/active_users?" in sql
        or f'"{company.url}/api/v1/reports/active_users?' in sql
    )


def test_from_and_to_are_days_of_the_pages_zone(company: House) -> None:
    """A local day has the events between its midnights, as in reports; the file too, and it says which days and zone."""
    day = (datetime.now(UTC) - timedelta(days=5)).date()
    zone = ZoneInfo("Asia/Kathmandu")  # 5 h 45 min: on neither side of UTC's midnight, nor on an hour
    begin = datetime.combine(day, datetime.min.time(), zone)
    end = begin + timedelta(days=1)
    asked = f"org={ORG}&since={day}&until={day}&timezone={zone.key}"
    with company.visitor() as client:
        around = client.get(
            f"log.csv?org={ORG}&since={day - timedelta(days=2)}&until={day + timedelta(days=2)}"
        )
        file = client.get(f"log.csv?{asked}")
        page = client.get(f"log?{asked}").text
        assert client.get(f"log?org={ORG}&since={day}&until={day - timedelta(days=2)}").status_code == 400
        begin_utc, end_utc = (
            each.astimezone(UTC).isoformat().replace("+00:00", "Z") for each in (begin, end)
        )
        instants = client.get(f"log.csv?org={ORG}&since={begin_utc}&until={end_utc}")
        assert client.get(f"log?org={ORG}&until={end_utc}").status_code == 200
    rows = list(csv.DictReader(io.StringIO(file.text)))
    assert instants.text == file.text
    wider = list(csv.DictReader(io.StringIO(around.text)))
    assert around.headers["x-trailhouse-more"] == "false"
    expected = [row for row in wider if begin <= datetime.fromisoformat(row["occurred_at"]) < end]
    assert rows == expected
    assert 0 < len(rows) < len(wider)
    assert file.headers["content-disposition"] == f'attachment; filename="{ORG}_events_{day}_{day}.csv"'
    assert file.headers["x-trailhouse-time-zone"] == zone.key
    assert datetime.fromisoformat(file.headers["x-trailhouse-stored-through"]) <= datetime.now(UTC)
    local_days = set(re.findall(r'<time datetime="[^"]+">(\d{4}-\d\d-\d\d) ', page))
    assert str(day) in local_days
    assert (
        len([each for each in local_days if each != str(day)]) <= 1
    )  # the line that says how fresh the page is
