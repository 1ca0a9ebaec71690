"""Signing in and out, over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest
from tests.house import EVERYTHING, MASKED, ORG, ROOT, House, sign_in, token_of
from tests.queries.keyring import give

from trailhouse.queries.key import Scope
from trailhouse.queries.key_table import revoke_keys


def test_a_key_opens_and_signing_out_closes_for_every_copy(company: House) -> None:
    """The cookie is worth nothing afterwards, wherever it was copied; both are recorded."""
    company.recorded.take()
    with company.visitor(is_new=True) as client:
        page = client.get("")
        assert page.status_code == 200
        cookies = dict(client.cookies)
        assert "trailhouse_form" not in cookies
        left = client.post("sign-out", data={"token": token_of(page.text)})
        assert (left.status_code, left.headers["location"]) == (303, f"{ROOT}sign-in")
    with httpx.Client(base_url=company.url + ROOT, cookies=cookies) as copy:
        assert copy.get("log?org=acme").headers["location"].startswith(f"{ROOT}sign-in?next=")
    told = [(each["action"], each["org_id"], each["actor_user_id"]) for each in company.recorded.take()]
    assert told[0] == ("session:create", ORG, "demo")
    assert ("session:delete", ORG, "demo") in told


def test_people_go_on_where_they_were(company: House) -> None:
    """The page that was asked for, and nowhere else."""
    with company.visitor(None) as client:
        asked = client.get("log?org=acme&action=user%3Alogin")
        assert asked.status_code == 303
        form = client.get(company.url + asked.headers["location"])
        assert 'name="next" value="/org/dashboard/log?org=acme&amp;action=user%3Alogin"' in form.text
        to = f"{ROOT}log?org=acme&action=user%3Alogin"
        assert sign_in(client, company.key(), next=to).headers["location"] == to
    with company.visitor(None) as client:
        assert sign_in(client, company.key(), next="https://example.org/").headers["location"] == ROOT


def test_a_revoked_key_ends_its_sessions(company: House) -> None:
    """At the next request, as the API's."""
    key, text = give(company.database, [ORG], EVERYTHING)
    with company.visitor(None) as client:
        assert sign_in(client, text).status_code == 303
        assert client.get("log?org=acme").status_code == 200
        revoke_keys(company.database, [key.key_id], datetime.now(UTC))
        assert client.get("log?org=acme").status_code == 303


@pytest.mark.parametrize("token", ["", "0" * 80, "mine"])
def test_a_form_from_elsewhere_is_refused(company: House, token: str) -> None:
    """Without its token, with a wrong one, and with a good one from another site."""
    with company.visitor(None) as client:
        page = client.get("sign-in")
        given = token_of(page.text) if token == "mine" else token
        headers = {"sec-fetch-site": "cross-site"} if token == "mine" else {}
        answer = client.post("sign-in", data={"key": company.key(), "token": given}, headers=headers)
        assert answer.status_code == 400
        assert "trailhouse_session" not in client.cookies
    with company.visitor() as client:
        answer = client.post("sign-out", data={"token": "0" * 80})
        assert answer.status_code == 400
        assert client.get("log?org=acme").status_code == 200


def test_wrong_keys_are_told_alike_and_lock_out(company: House) -> None:
    """A key that is none, one with a wrong secret, one that may not read; guessing is locked out as over the API."""
    key, text = give(company.database, [ORG], MASKED)
    _, sender = give(company.database, [ORG], [Scope.EVENTS_WRITE])
    wrong = text[:-1] + ("0" if text[-1] != "0" else "1")
    with company.visitor(None) as client:
        token = token_of(client.get("sign-in").text)
        assert client.post("sign-in", data={"key": sender, "token": token}).status_code == 403
        answers = [client.post("sign-in", data={"key": wrong, "token": token}) for _ in range(12)]
        assert [each.status_code for each in answers] == [401] * 10 + [429] * 2
        assert int(answers[-1].headers["retry-after"]) > 0
        assert all(text not in each.text and wrong not in each.text for each in answers)
        # The right secret is never kept out.
        assert client.post("sign-in", data={"key": f" {text} ", "token": token}).status_code == 303
    refused = [each for each in company.recorded.take() if each["action"] == "access:denied"]
    assert refused
    assert refused[-1]["attributes"]["path"] == f"{ROOT}sign-in"
    assert key.key_id in {each["attributes"].get("key_id") for each in refused}


def test_a_link_from_a_mail_is_asked_for_again_with_the_cookies(company: House) -> None:
    """A browser sends strict cookies only to a page that was opened from here."""
    with company.visitor(None) as client:
        answer = client.get("log?org=acme", headers={"sec-fetch-site": "cross-site"})
        assert answer.status_code == 200
        assert 'http-equiv="refresh" content="0; url=/org/dashboard/log?org=acme"' in answer.text
        assert client.get("log?org=acme", headers={"sec-fetch-site": "same-origin"}).status_code == 303
