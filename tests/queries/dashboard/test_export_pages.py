"""A panel's files and its SQL."""

from __future__ import annotations

from html import unescape
from xml.etree import ElementTree as ET

import httpx
from tests.house import ORG, House
from tests.queries.keyring import bearer

from trailhouse.queries.dashboard.frame import POLICY

ASKED = {"org": ORG, "last": "30d", "timezone": "Asia/Tehran"}


def test_files_are_the_apis(company: House) -> None:
    """CSV byte for byte; JSON with the same rows; both for what the address says, and with the pages' policy."""
    with company.visitor() as client, httpx.Client(base_url=company.url, timeout=120) as api:
        for form in ("csv", "json"):
            file = client.get(f"export/users_active_over_time.{form}", params=ASKED)
            answer = api.get(
                "/api/v1/reports/users_active_over_time",
                params=ASKED | {"format": form},
                headers=bearer(company.key()),
            )
            if form == "csv":
                assert file.content == answer.content
            else:
                assert file.json()["rows"] == answer.json()["rows"]
                assert file.json()["params"]["timezone"] == "Asia/Tehran"
            assert file.headers["content-disposition"].endswith(f'.{form}"')
            assert file.headers["content-security-policy"] == POLICY


def test_a_chart_is_a_picture(company: House) -> None:
    """Well-formed, with the file's name; tables have none, and other kinds there are not."""
    with company.visitor() as client:
        svg = client.get("export/weekly_active_users.svg", params=ASKED)
        assert ET.fromstring(svg.text).tag.endswith("svg")
        assert svg.headers["content-type"].startswith("image/svg+xml")
        assert client.get("export/most_active_users.svg", params=ASKED).status_code == 404
        assert client.get("export/weekly_active_users.exe", params=ASKED).status_code == 404


def test_the_sql_is_shown_with_its_values(company: House) -> None:
    """And where the same is had over HTTP."""
    with company.visitor() as client:
        page = unescape(client.get(f"sql/active_users?org={ORG}&last=7d").text)
        assert client.get(f"sql/no_such_report?org={ORG}").status_code == 404
    assert "SELECT uniqExact" in page
    assert ORG in page
    assert f"/api/v1/reports/active_users?org={ORG}&last=7d" in page


def test_saving_is_recorded_as_an_export(company: House) -> None:
    """A picture leaves as a file does."""
    with company.visitor() as client:
        company.recorded.take()
        client.get("export/weekly_active_users.svg", params=ASKED)
    (event,) = company.recorded.take()
    assert (event["action"], event["attributes"]["format"]) == ("export:create", "svg")
