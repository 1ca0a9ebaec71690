"""Tables that pages make themselves leave as files, too, and say how they are read."""

from __future__ import annotations

import csv
import io
import re
from html import unescape

import pytest
from tests.house import EVERYTHING, MASKED, ORG, OTHER, House

from trailhouse.queries.dashboard.sheet import Sheet
from trailhouse.queries.dashboard.sheet_pages import SHEETS


@pytest.mark.parametrize("sheet", SHEETS.values(), ids=SHEETS)
def test_every_one_has_its_menu_on_its_page(company: House, sheet: Sheet) -> None:
    """Files, SQL that runs, who changed it, a link to itself; a file is an export on record."""
    with company.visitor() as client:
        page = unescape(client.get(f"{sheet.page}?org={ORG}&timezone=Asia/Tehran").text)
        panel = page[page.index(f'id="{sheet.name}"') :]
        menu = panel[panel.index("<details") : panel.index("</details>")]
        for form in ("csv", "json", "sql"):
            assert f'href="/org/dashboard/sheet/{sheet.name}.{form}?org={ORG}&timezone=Asia%2FTehran"' in menu
        assert f'/org/dashboard/{sheet.page}?org={ORG}&timezone=Asia%2FTehran#{sheet.name}" data-copy' in menu
        company.recorded.take()
        file = client.get(f"sheet/{sheet.name}.csv?org={ORG}")
        rows = list(csv.DictReader(io.StringIO(file.text)))
        told = company.recorded.take()[-1]
        assert (told["action"], told["org_id"]) == ("export:create", ORG)
        assert told["attributes"].items() >= {"sheet": sheet.name, "format": "csv", "rows": len(rows)}.items()
        as_json = client.get(f"sheet/{sheet.name}.json?org={ORG}").json()
        assert as_json["org"] == ORG
        assert len(as_json["rows"]) == len(rows)
        assert [each["name"] for each in as_json["columns"]] == file.text.splitlines()[0].split(",")
        sql_page = client.get(f"sheet/{sheet.name}.sql?org={ORG}").text
        assert client.get(f"sheet/{sheet.name}.xls?org={ORG}").status_code == 404
        changes = re.search(r'href="(/org/dashboard/log\?[^"]*action=[^"]+)"', menu)
        assert changes
        assert client.get(company.url + changes[1]).status_code == 200
    sql = unescape(re.findall(r'<pre id="sql"[^>]*>(.*?)</pre>', sql_page, re.DOTALL)[0])
    assert len(company.database.query(sql).result_rows) >= (len(rows) if sheet.name == "keys" else 0)


def test_the_file_of_keys_has_those_of_the_page(company: House) -> None:
    """Never one that reaches further than the visitor's, and nothing a key is checked with."""
    company.key(MASKED, (OTHER,), username="sheet-of-beta")
    secret = company.key(MASKED, username="=sheet-of-acme")
    with company.visitor() as client:
        text = client.get(f"sheet/keys.csv?org={ORG}").text
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(text))}
    assert "sheet-of-beta" not in text
    assert rows["'=sheet-of-acme"]["may"] == "audit:read, reports:read"
    assert secret.rpartition("_")[2] not in text
    with company.visitor(EVERYTHING, ("*",)) as client:
        assert "sheet-of-beta" in client.get(f"sheet/keys.csv?org={ORG}").text


@pytest.mark.parametrize("name", [name for name, each in SHEETS.items() if each.scope.value == "admin"])
def test_only_administrators_have_them(company: House, name: str) -> None:
    """As of the page they are on, and of no organisation but theirs."""
    with company.visitor(MASKED) as client:
        for form in ("csv", "json", "sql"):
            assert client.get(f"sheet/{name}.{form}?org={ORG}").status_code == 403
    with company.visitor() as client:
        assert client.get(f"sheet/{name}.csv?org={OTHER}").status_code == 403
    with company.visitor(None) as client:
        assert client.get(f"sheet/{name}.csv?org={ORG}").status_code == 303
