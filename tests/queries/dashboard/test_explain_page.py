"""Every row opens to its events."""

from __future__ import annotations

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
