"""Every link of the dashboard leads somewhere: followed as somebody who may see several organizations."""

from __future__ import annotations

import re
from collections import deque
from html import unescape

from tests.house import ORG, House

from trailhouse.queries.dashboard.address import ROOT
from trailhouse.queries.key import EVERY_ORG

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
_ZONE = "timezone=Asia%2FTehran"
#: What leads out of the pages, or is no page.
_ELSEWHERE = ("static/", "sign-in", "sign-out")
_ONE_OF_MANY = re.compile(r"(explain|sql|export)/\w+")


def kind_of(address: str) -> tuple[str, str]:
    """A page, and whose data; the first link of a kind is followed. Ids, and which report is explained or exported, make no other kind."""
    path, _, query = address.removeprefix(ROOT).partition("?")
    whose = "every" if "org=%2A" in query else "company" if "company=" in query else "one"
    return _ONE_OF_MANY.sub(r"\1/…", _ID.sub("…", path)), whose


def test_every_link_leads_somewhere(company: House) -> None:
    """No kind of link is answered with a refusal or a failure, each page has one back to the others, and none forgets
    the organization or the time zone of the page it stands on."""
    seen: set[tuple[str, str]] = set()
    odd: list[tuple[str, int]] = []
    forgetful: set[tuple[str, str]] = set()
    with company.visitor(orgs=(EVERY_ORG,)) as client:
        todo = deque([f"{ROOT}?org={ORG}&{_ZONE}"])
        while todo:
            address = todo.popleft()
            if kind_of(address) in seen:
                continue
            seen.add(kind_of(address))
            answer = client.get(company.url + address, follow_redirects=True)
            if answer.status_code >= 400 or 'role="alert"' in answer.text:
                odd.append((address, answer.status_code))
            elif "html" in answer.headers["content-type"]:
                links = [
                    unescape(each).partition("#")[0] for each in re.findall(r'href="([^"]+)"', answer.text)
                ]
                assert ROOT in {each.partition("?")[0] for each in links}, address
                links = [each for each in links if each.startswith(ROOT)]
                todo += links
                forgetful |= {
                    (address, each)
                    for each in links
                    if not each.removeprefix(ROOT).startswith(_ELSEWHERE)
                    and (_ZONE not in each or not re.search(r"[?&](org|company)=", each))
                }
    assert odd == []
    assert forgetful == set()
    assert {path for path, _ in seen} >= {
        "activity",
        "sql/…",
        "explain/…",
        "log/…",
        "export/….csv",
        "settings",
    }
    assert ("sql/…", "every") in seen
