"""The list of people, on the pages Users and Members."""

from __future__ import annotations

import re
from html import unescape

from tests.house import MASKED, ORG, REPORTS, House, rows_of


def people(page: str) -> list[str]:
    return [row[0] for row in rows_of(page)[1:]]


def test_pages_of_people(company: House) -> None:
    """Beyond the last is the last; what is no number is said."""
    with company.visitor() as client:
        assert people(client.get("?page=9").text) == people(client.get("?page=1").text)
        assert client.get("?page=x").status_code == 400


def test_the_page_members_lists_every_user(company: House) -> None:
    """Sorted by Last Active (WS1), with search, order and pages of its own, which keep the page's period; not without the right."""
    with company.visitor() as client:
        alone = client.get(f"?org={ORG}").text
        page = client.get(f"members?org={ORG}&last=90d").text
        mine = page[page.index('id="everybody"') :]
        assert people(mine) == people(alone)
        sort = re.search(r'href="(/org/dashboard/members\?[^"]*sort=name[^"]*#people)"', mine)
        assert sort
        assert "last=90d" in sort[1]
        by_name = client.get(company.url + unescape(sort[1])).text
        assert people(by_name[by_name.index('id="everybody"') :]) == people(client.get("?sort=name").text)
        assert 'name="last" value="90d"' in mine
        assert client.get(f"members?org={ORG}&status=odd").status_code == 400
    with company.visitor(REPORTS) as client:
        assert 'id="everybody"' not in client.get(f"members?org={ORG}").text
    with company.visitor(MASKED) as client:
        assert "@example.com" not in client.get(f"members?org={ORG}").text
        assert client.get(f"members?org={ORG}&search=a").status_code == 403
