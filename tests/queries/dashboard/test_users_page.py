"""The page Users, against the directory."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import httpx
from tests.house import MASKED, ORG, House, rows_of
from tests.queries.keyring import bearer

from trailhouse.queries.directory_export import COLUMNS
from trailhouse.sinks.org_settings import OrgSettings, set_org_settings


def _shown(user: dict[str, Any]) -> str:
    """The cell of a person: name and address, else the id."""
    shown = user["name"] or user["user"]
    return f"{shown}{user['email']}" if user["email"] not in {None, shown} else str(shown)


def people(page: str) -> list[str]:
    return [row[0] for row in rows_of(page)[1:]]


def test_everybody_is_there_sorted_as_asked(company: House) -> None:
    """The directory's order, whichever column is clicked (WD1, WD2)."""
    with company.visitor() as client, httpx.Client(base_url=company.url, timeout=120) as api:
        headers = bearer(company.key())
        for sort in ("last_active", "name", "active_days", "added"):
            page = client.get(f"?org={ORG}&sort={sort}")
            users = api.get("/api/v1/users", params={"sort": sort}, headers=headers).json()["users"]
            assert len(users) >= 30
            names = [_shown(each) for each in users]
            shown = [re.sub("^[A-Z]", "", each, count=1) for each in people(page.text)]
            assert [each.replace(" ", "") for each in shown] == [each.replace(" ", "") for each in names]
        assert 'aria-sort="descending"' in client.get(f"?org={ORG}").text


def test_last_active_is_worded_as_the_seeds_do(company: House) -> None:
    """A time, `Invite pending`, `Deactivated` (WD3 to WD5); hovering tells the date added and the active days (WD7)."""
    with company.visitor() as client, httpx.Client(base_url=company.url, timeout=120) as api:
        found = api.get("/api/v1/users", params={"sort": "last_active"}, headers=bearer(company.key())).json()
        page = unescape(client.get(f"?org={ORG}").text)
    cells = [row[1] for row in rows_of(page)[1:]]
    for cell, user in zip(cells, found["users"], strict=True):
        words = {
            "invite_pending": "Invite pending",
            "deactivated": "Deactivated",
            "dormant": "-",
            "never_active": "-",
        }
        assert cell.startswith(words.get(user["status"], (user["last_active"] or "")[:10]))
    tips = re.findall(r'data-tip="([^"]+)"', page)
    assert len(tips) == len(found["users"])
    for tip, user in zip(tips, found["users"], strict=True):
        assert f"{user['active_days']} active day" in tip
        assert "\nAdded " in tip


def test_search_status_and_export(company: House) -> None:
    """Found by a part of a name; the file is the API's, with the eleven columns, of whom the page shows (WD12, WD14)."""
    with company.visitor() as client, httpx.Client(base_url=company.url, timeout=120) as api:
        name = people(client.get("?sort=name").text)[0][1:].split()[0][:5]
        found = client.get("", params={"search": name.upper(), "sort": "name"}).text
        assert 1 <= len(people(found)) < 20
        asked = {"search": name, "sort": "name", "format": "csv"}
        wanted = api.get("/api/v1/users", params=asked, headers=bearer(company.key())).text
        file = client.get("users.csv", params={"search": name, "sort": "name"})
        assert file.text == wanted
        assert file.text.splitlines()[0] == ",".join(f'"{each}"' for each in COLUMNS)
        assert file.headers["content-disposition"].startswith('attachment; filename="users_')
        assert "Nobody is found" in client.get("?search=nobody-at-all").text
        pending = client.get("?status=deactivated").text
        assert all(row[1].startswith("Deactivated") for row in rows_of(pending)[1:])


def test_its_sql_finds_everybody_of_the_page(company: House) -> None:
    """What the menu shows can be run as it stands."""
    with company.visitor() as client:
        shown = client.get("?kind=all")
        assert f"users.sql?org={ORG}" in shown.text or "users.sql" in shown.text
        page = client.get(f"users.sql?org={ORG}&timezone=Asia/Tehran").text
        total = int(re.findall(r"([\d,]+) in all", client.get("?kind=all").text)[0].replace(",", ""))
    sql = unescape(re.findall(r'<pre id="sql"[^>]*>(.*?)</pre>', page, re.DOTALL)[0])
    assert len(company.database.query(sql).result_rows) == total


def test_pseudonyms_for_those_who_may_not_see_people(company: House) -> None:
    """No name, no address, no search; in the file neither."""
    with company.visitor(MASKED) as client:
        page, file = client.get(""), client.get("users.csv")
        assert client.get("?search=a").status_code == 403
    assert page.text.count("u_") >= 30
    for text in (page.text, file.text):
        assert "@example.com" not in text
        assert "Search by name" not in text


def test_reading_and_export_are_recorded(company: House) -> None:
    """As over the API; never what was searched for."""
    with company.visitor() as client:
        company.recorded.take()
        client.get("?search=zzz")
        client.get("users.csv")
    read, exported = company.recorded.take()
    assert (read["action"], read["org_id"], read["attributes"]["format"]) == ("directory:read", ORG, "html")
    assert "zzz" not in str(read)
    assert exported["action"] == "export:create"
    assert exported["attributes"]["rows"] >= 30


def test_times_are_in_the_organisations_own_zone(company: House) -> None:
    """Where the address names none, as in reports; in the file too. One that is named goes before it."""
    set_org_settings(company.database, OrgSettings(ORG, timezone="Asia/Tehran"))
    try:
        with company.visitor() as client:
            own, named, utc = (
                client.get(f"?org={ORG}{zone}").text
                for zone in ("", "&timezone=Asia/Tehran", "&timezone=UTC")
            )
            files = [
                client.get(f"users.csv?org={ORG}{zone}").text
                for zone in ("", "&timezone=Asia/Tehran", "&timezone=UTC")
            ]
    finally:
        set_org_settings(company.database, OrgSettings(ORG))
    times = [re.findall(r"<time [^>]+>([^<]+)</time> <small>", page) for page in (own, named, utc)]
    assert times[0] == times[1] != times[2]
    assert files[0] == files[1] != files[2]
    assert "Asia/Tehran</a>" in own


def test_everybody_as_json(company: House) -> None:
    """The menu's other file is what the API answers."""
    with company.visitor() as client, httpx.Client(base_url=company.url, timeout=120) as api:
        file = client.get("users.json?sort=name").json()
        wanted = api.get("/api/v1/users", headers=bearer(company.key())).json()
        assert file["users"] == wanted["users"]
        assert client.get("users.xls").status_code == 404
