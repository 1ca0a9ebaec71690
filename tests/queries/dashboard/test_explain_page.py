"""Every row opens to its events."""

from __future__ import annotations

import csv
import io
import re
from html import unescape

from tests.house import MASKED, ORG, House, rows_of


def test_rows_and_single_figures_open_to_their_events(company: House) -> None:
    """As many as the row counts, each with its page; the link holds the period and the row's own values."""
    with company.visitor() as client:
        page = client.get(f"activity?org={ORG}").text
        action = re.search(r'href="(/org/dashboard/explain/events_by_action[^"]+)"', page)
        figure = re.search(r'href="(/org/dashboard/explain/active_users[^"]+)"', page)
        assert action
        assert figure
        company.recorded.take()
        found = client.get(company.url + unescape(action[1]))
        assert found.status_code == 200, found.text
        counted = re.search(r"counted anew they give <b>([\d,]+)</b>", found.text)
        assert counted
        table = rows_of(page, "actions")
        assert counted[1] in {cell for row in table for cell in row}
        assert "/org/dashboard/log/" in found.text
        (told,) = company.recorded.take()
        assert (told["action"], told["attributes"]["explained"]) == ("analytics:read", 1)
        assert client.get(company.url + unescape(figure[1])).status_code == 200
        assert client.get(f"explain/no_such?org={ORG}").status_code == 404
        assert client.get(f"explain/events_by_action?org={ORG}").status_code == 400
    with company.visitor(MASKED) as client:
        masked = client.get(company.url + unescape(action[1])).text
        assert "u-00" not in masked
        assert client.get("explain/active_users?org=beta").status_code == 403


def test_the_events_as_files_and_the_sql_that_finds_them(company: House) -> None:
    """The menu's files have the rows of the page, its SQL finds the same events; each file is an export on record."""
    with company.visitor() as client:
        page = client.get(f"activity?org={ORG}").text
        action = re.search(r'href="(/org/dashboard/explain/events_by_action[^"]+)"', page)
        assert action
        found = client.get(company.url + unescape(action[1])).text
        shown = re.findall(r"<td><code>([0-9a-f-]{36})</code>", found)
        places = {
            form: unescape(
                re.findall(rf'href="(/org/dashboard/explain/events_by_action\.{form}[^"]+)"', found)[0]
            )
            for form in ("csv", "json", "sql")
        }
        company.recorded.take()
        file = client.get(company.url + places["csv"])
        rows = list(csv.DictReader(io.StringIO(file.text)))
        assert [row["event"] for row in rows] == shown
        assert "events_by_action_events_" in file.headers["content-disposition"]
        assert file.headers["x-trailhouse-more"] == "false"
        (told,) = company.recorded.take()
        assert (told["action"], told["attributes"]["format"]) == ("export:create", "csv")
        told_json = client.get(company.url + places["json"]).json()
        assert [row["event"] for row in told_json["rows"]] == shown
        sql_page = client.get(company.url + places["sql"]).text
        assert client.get(company.url + places["csv"].replace(".csv", ".xls")).status_code == 404
    sql = unescape(re.findall(r'<pre id="sql"[^>]*>(.*?)</pre>', sql_page, re.DOTALL)[0])
    assert [str(row[3]) for row in company.database.query(sql).result_rows] == shown
    with company.visitor(MASKED) as client:
        assert "u-00" not in client.get(company.url + places["csv"]).text
