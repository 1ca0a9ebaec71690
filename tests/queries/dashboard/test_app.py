"""The dashboard's routes."""

from __future__ import annotations

from tests.house import ROOT, House


def test_addresses_without_a_page_say_so(company: House) -> None:
    """As a page of ours, with its headers."""
    with company.visitor() as client:
        for path in ("no/such/page", "static/no.css", "static/..%2fapp.py"):
            answer = client.get(path)
            assert answer.status_code == 404, path
            assert "No such page" in answer.text
            assert "content-security-policy" in answer.headers
        bare = client.get(company.url + ROOT.rstrip("/"))
        assert (bare.status_code, bare.headers["location"]) == (303, ROOT)


def test_the_dashboard_is_not_part_of_the_api(company: House) -> None:
    """Its pages are in no OpenAPI document."""
    with company.visitor() as client:
        paths = client.get(f"{company.url}/openapi.json").json()["paths"]
    assert not [path for path in paths if path.startswith("/org")]
