"""What every page has: rights, the organisation, and pages that say why not."""

from __future__ import annotations

import pytest
from tests.house import EVERYTHING, MASKED, ORG, OTHER, REPORTS, House

PAGES = ("", "activity", "members", "log", "pipeline", "settings")


@pytest.mark.parametrize("page", PAGES)
def test_every_page_names_itself_and_its_state_goes_along(company: House, page: str) -> None:
    """One h1, the page marked in the navigation, the zone in every link to another page."""
    with company.visitor() as client:
        answer = client.get(f"{page}?org={ORG}&timezone=Asia/Tehran")
    assert answer.status_code == 200, answer.text
    assert answer.text.count("<h1") == 1
    assert answer.text.count('aria-current="page"') == 1
    assert 'href="/org/dashboard/pipeline?org=acme&amp;timezone=Asia%2FTehran"' in answer.text
    assert "style=" not in answer.text
    assert len(answer.content) < 400_000


@pytest.mark.parametrize(
    "page", [*PAGES, "users.csv", "log.csv", "export/active_users.csv", "sql/active_users"]
)
def test_another_organisation_is_refused_whether_it_is_there_or_not(company: House, page: str) -> None:
    """With the same words."""
    with company.visitor() as client:
        foreign, nowhere = client.get(f"{page}?org={OTHER}"), client.get(f"{page}?org=nowhere")
    assert (foreign.status_code, nowhere.status_code) == (403, 403)
    assert "Not allowed" in foreign.text
    told = [foreign.text.replace(OTHER, "ORG"), nowhere.text.replace("nowhere", "ORG")]
    assert told[0].split("<main")[1].split("</main")[0] == told[1].split("<main")[1].split("</main")[0]
    assert "bea@example.org" not in foreign.text


def test_refusals_are_recorded(company: House) -> None:
    """In the log of whom they concern."""
    with company.visitor(is_new=True) as client:
        company.recorded.take()
        client.get(f"activity?org={OTHER}")
    (told,) = company.recorded.take()
    assert (told["action"], told["org_id"]) == ("access:denied", ORG)
    assert told["attributes"]["asked_org"] == OTHER
    assert told["attributes"]["path"].endswith("/activity")


def test_several_organisations_are_chosen_from(company: House) -> None:
    """Those of the key, by a link each; with one chosen the others are in the head's menu."""
    with company.visitor(EVERYTHING, (ORG, OTHER)) as client:
        page = client.get("activity")
        assert 'href="/org/dashboard/activity?org=beta"' in page.text
        assert "Choose an organization" in page.text
        assert 'href="/org/dashboard/activity?org=%2A"' in page.text
        assert 'org=beta">beta</a>' in client.get("activity?org=acme").text


def test_the_choice_goes_along_and_a_page_about_one_offers_each(company: House) -> None:
    """Several stay chosen from page to page; Users, the log and Settings are about one of them."""
    with company.visitor(EVERYTHING, (ORG, OTHER)) as client:
        page = client.get("members?org=acme&org=beta&last=7d").text
        assert 'href="/org/dashboard/log?org=acme&amp;org=beta"' in page
        assert "<b>2 organizations</b>" in page
        assert '<input type="hidden" name="last" value="7d">' in page
        users = client.get("?org=acme&org=beta&of=beta&sort=name").text
        assert "Everybody of beta" in users
        assert 'href="/org/dashboard/?sort=name&amp;org=acme&amp;org=beta&amp;of=acme"' in users
        assert "org=acme&amp;org=beta&amp;of=beta&amp;sort=added" in users
        assert "All organizations" in client.get("activity?org=*").text
        assert client.get("?org=acme&of=beta").status_code == 400


@pytest.mark.parametrize(
    "query",
    ["org=acme&org=beta", "org=acme,beta", "org=beta&org=acme", "company=initech", "org=acme&of=beta", "org=acme&company=x",
     "org=*&org=beta", "org=%2A,beta", "org=acme&org=*"],
)  # fmt: skip
@pytest.mark.parametrize("page", ["activity", "log", "export/active_users.csv"])
def test_no_address_reaches_another_organisation(company: House, page: str, query: str) -> None:
    """However it is written: refused as a whole, not answered in part."""
    with company.visitor() as client:
        answer = client.get(f"{page}?{query}")
        assert answer.status_code in {400, 403}, answer.text
        assert "bea@example.org" not in answer.text


def test_pages_are_those_the_key_opens(company: House) -> None:
    """A key for reports begins with those, and the audit log is closed to it."""
    with company.visitor(REPORTS) as client:
        first = client.get("")
        assert (first.status_code, first.headers["location"]) == (303, "/org/dashboard/activity")
        assert ">Audit log<" not in client.get("activity").text
        closed = client.get("log")
        assert closed.status_code == 403
        assert "audit:read" in closed.text
    with company.visitor(MASKED) as client:
        assert ">Audit log<" in client.get("activity").text


def test_without_signing_in_reports_are_open_here_and_people_are_not(company: House) -> None:
    """On this machine, as over the API; no organisation is named to strangers."""
    with company.visitor(None) as client:
        assert client.get("activity?org=acme").status_code == 200
        assert client.get("").status_code == 303
        asked = client.get("activity")
        assert "Which organization?" in asked.text
        assert ORG not in asked.text.replace('placeholder="acme"', "")
        table = client.get("members?org=acme").text
        assert "u_" in table
        assert "u-0001" not in table


def test_what_cannot_be_used_is_said(company: House) -> None:
    """On a page, with what to do; a parameter twice counts neither way."""
    with company.visitor() as client:
        for query in ("org=acme&sort=name&sort=added", "timezone=Mars/Base&org=acme", "org=no such/org"):
            answer = client.get(f"?{query}")
            assert answer.status_code == 400, query
            assert "A parameter cannot be used" in answer.text
