"""The forms of the page Settings, over HTTP and without a script."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from html import unescape

import httpx
import pytest
from tests.house import EVERYTHING, MASKED, ORG, OTHER, House, sign_in, token_of
from tests.queries.keyring import bearer, give

from trailhouse.queries.key import Scope
from trailhouse.queries.key_table import load_keys
from trailhouse.sinks.org_settings import OrgSettings, org_settings, set_org_settings
from trailhouse.sinks.retention import policies

READER = {"scope.reports:read": "on", "scope.audit:read": "on"}


def post(client: httpx.Client, deed: str, org: str = ORG, **form: str) -> httpx.Response:
    """A form of the page, with the token it was given."""
    token = token_of(client.get(f"settings?org={ORG}").text)
    return client.post(f"settings/{deed}?org={org}", data={"token": token, **form})


def words(answer: httpx.Response) -> str:
    return unescape(re.sub(r"<[^>]+>", " ", answer.text.split("<main")[1]))


def test_a_key_is_made_shown_once_and_revoked(company: House) -> None:
    """It opens what it says at once; its text is nowhere afterwards; both are recorded with who did it."""
    with company.visitor() as client:
        company.recorded.take()
        made = post(client, "make-key", username="maker-made", orgs=ORG, expires="12h", **READER)
        assert made.status_code == 200, words(made)
        text = re.search(r"thk_[0-9a-f]{12}_[0-9a-f]{64}", made.text)
        assert text
        assert made.headers["cache-control"] == "no-store"
        key = load_keys(company.database)[text[0][4:16]]
        assert (key.orgs, key.scopes) == (frozenset({ORG}), frozenset({Scope.REPORTS_READ, Scope.AUDIT_READ}))
        assert key.expires_at is not None

        def opens() -> int:
            url = f"{company.url}/api/v1/reports/active_users?org={ORG}"
            return httpx.get(url, headers=bearer(text[0]), timeout=60).status_code

        assert opens() == 200
        assert text[0] not in client.get(f"settings?org={ORG}").text
        gone = post(client, "revoke-key", key_id=key.key_id)
        assert gone.status_code == 303
        page = client.get(str(httpx.URL(company.url).join(gone.headers["location"])))
        assert "The key is revoked" in page.text
        assert opens() == 401
    told = [(each["action"], each["org_id"], each.get("actor_user_id")) for each in company.recorded.take()]
    assert ("key:create", ORG, "demo") in told
    assert ("key:revoke", ORG, "demo") in told


def test_a_form_sent_twice_makes_one_key(company: House) -> None:
    """As a reload of the page does."""
    name = uuid.uuid4().hex
    with company.visitor() as client:
        form = {
            "token": token_of(client.get(f"settings?org={ORG}").text),
            "username": name,
            "orgs": ORG,
            **READER,
        }
        assert client.post(f"settings/make-key?org={ORG}", data=form).status_code == 200
        assert client.post(f"settings/make-key?org={ORG}", data=form).status_code == 400
    assert [key.username for key in load_keys(company.database).values()].count(name) == 1


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"username": "a:b", "orgs": ORG, **READER}, "username"),
        ({"username": "x", "orgs": "", **READER}, "org"),
        ({"username": "x", "orgs": ORG}, "scope"),
        ({"username": "x", "orgs": ORG, "expires": "soon", **READER}, "expires"),
        ({"username": "x", "orgs": ORG, "default_org": OTHER, **READER}, "default_org"),
        ({"username": "x", "orgs": f"{ORG},{OTHER}", **READER}, "org"),
        ({"username": "x", "orgs": "*", **READER}, "org"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(company: House, form: dict[str, str], field: str) -> None:
    """With what was typed still there, and no key made."""
    before = len(load_keys(company.database))
    with company.visitor() as client:
        answer = post(client, "make-key", **form)
    assert answer.status_code in {400, 403}
    assert f'id="wrong-make-key-{field}"' in answer.text
    assert f'name="username" required maxlength="128" value="{form["username"]}"' in answer.text
    assert len(load_keys(company.database)) == before


def test_a_key_that_ends_makes_none_that_lasts_longer(company: House) -> None:
    """Nor one with more rights: whoever has no `admin` makes none at all."""
    _, text = give(company.database, [ORG], EVERYTHING, life=timedelta(days=2))
    with company.visitor(None) as client:
        sign_in(client, text)
        for life, status in (("", 400), ("52w", 400), ("12h", 200)):
            answer = post(client, "make-key", username="x", orgs=ORG, expires=life, **READER)
            assert answer.status_code == status, words(answer)


@pytest.mark.parametrize(
    ("deed", "form"),
    [
        ("make-key", {"username": "x", "orgs": ORG, **READER}),
        ("revoke-key", {}),
        ("org", {"org_timezone": "Asia/Tehran"}),
        ("retention", {"class": "pii", "days": "1"}),
    ],
)
def test_without_admin_nothing_is_changed(company: House, deed: str, form: dict[str, str]) -> None:
    """Refused and recorded; nor by an administrator of another organisation, nor with a form from elsewhere."""
    target, _ = give(company.database, [ORG], MASKED)
    form = {"key_id": target.key_id, **form}
    before = load_keys(company.database), org_settings(company.database), policies(company.database)
    with company.visitor((*MASKED, Scope.AUDIT_READ_PII)) as client:
        company.recorded.take()
        assert post(client, deed, **form).status_code == 403
        assert [
            each["attributes"]["rule"]
            for each in company.recorded.take()
            if each["action"] == "access:denied"
        ] == ["scope"]
    with company.visitor(EVERYTHING, (OTHER,)) as client:
        token = token_of(client.get(f"settings?org={OTHER}").text)
        assert client.post(f"settings/{deed}?org={ORG}", data={"token": token, **form}).status_code == 403
        if deed == "revoke-key":
            assert (
                client.post(f"settings/{deed}?org={OTHER}", data={"token": token, **form}).status_code == 404
            )
    with company.visitor() as client:
        assert client.post(f"settings/{deed}?org={ORG}", data=form).status_code == 400
        token = token_of(client.get(f"settings?org={ORG}").text)
        headers = {"sec-fetch-site": "cross-site"}
        assert (
            client.post(
                f"settings/{deed}?org={ORG}", data={"token": token, **form}, headers=headers
            ).status_code
            == 400
        )
        assert client.get(f"settings/{deed}?org={ORG}").status_code in {404, 405}
    with company.visitor(None) as client:
        token = token_of(client.get("sign-in").text)
        assert client.post(f"settings/{deed}?org={ORG}", data={"token": token, **form}).status_code in {
            303,
            403,
        }
    after = load_keys(company.database), org_settings(company.database), policies(company.database)
    assert {key: each for key, each in after[0].items() if key in before[0]} == before[0]
    assert after[1:] == before[1:]


def test_days_weeks_and_retention_of_the_organisation(company: House) -> None:
    """Reports use them; the company is the operator's to say; the page says what holds."""
    try:
        with company.visitor() as client:
            saved = post(client, "org", org_timezone="Asia/Tehran", week_start="saturday")
            assert saved.status_code == 303
            assert (
                "reports that name no time zone"
                in client.get(str(httpx.URL(company.url).join(saved.headers["location"]))).text
            )
            assert org_settings(company.database, [ORG]) == [OrgSettings(ORG, "Asia/Tehran", 6)]
            assert "Asia/Tehran" in words(client.get(f"activity?org={ORG}"))
            wrong = post(client, "org", org_timezone="Mars/Base")
            assert 'id="wrong-org-timezone"' in wrong.text
            assert post(client, "org", org_timezone="", company="Initech").status_code == 403
            assert post(client, "retention", **{"class": "pii", "days": "400"}).status_code == 303
            for days in ("", "-1", "1.5", "99999", "\u0663"):
                assert (
                    'id="wrong-retention-days"'
                    in post(client, "retention", **{"class": "pii", "days": days}).text
                ), days
            assert post(client, "retention", **{"class": "backups", "days": "1"}).status_code == 400
            assert "400 days" in words(client.get(f"settings?org={ORG}"))
        with company.visitor(EVERYTHING, ("*",)) as client:
            assert post(client, "org", org_timezone="Asia/Tehran", company="Initech").status_code == 303
            assert org_settings(company.database, [ORG])[0].company == "Initech"
        assert [
            (each.org_id, each.data_class, each.days, each.set_by) for each in policies(company.database)
        ] == [(ORG, "pii", 400, "demo")]
    finally:
        set_org_settings(company.database, OrgSettings(ORG))


def test_the_default_organisation_is_everybodys_own_affair(company: House) -> None:
    """WA6: the W&B log refuses to guess, and once it is chosen it answers."""
    text = company.key((*MASKED, Scope.AUDIT_READ_PII), (ORG, OTHER))

    def log() -> httpx.Response:
        return httpx.get(f"{company.url}/admin/audit_logs", auth=("demo", text), timeout=60)

    with company.visitor(None) as client:
        sign_in(client, text)
        assert log().status_code == 400
        chosen = post(client, "default-org", default_org=OTHER)
        assert chosen.status_code == 303
        answer = log()
        assert answer.status_code == 200, answer.text
        assert "multiple organizations" not in answer.text
        assert f"<option selected>{OTHER}</option>" in client.get(f"settings?org={ORG}").text
        assert post(client, "default-org", default_org="elsewhere").status_code == 400
        assert post(client, "default-org", default_org="").status_code == 303
        assert log().status_code == 400


def test_where_the_dashboard_may_not_write_it_says_so(company: House) -> None:
    """No forms, and a form that is sent all the same changes nothing."""
    from tests.queries.serving import NO_KAFKA, serving

    from trailhouse.queries.settings import ApiSettings

    settings = ApiSettings(clickhouse=company.clickhouse, kafka=NO_KAFKA, keys_ttl_s=0)
    with serving(settings) as client:
        client.base_url = f"{client.base_url}/org/dashboard/"
        sign_in(client, company.key())
        page = client.get(f"settings?org={ORG}")
        assert "TRAILHOUSE_API_SETTINGS_DSN" in page.text
        assert 'action="/org/dashboard/settings/' not in page.text
        answer = client.post(
            f"settings/org?org={ORG}", data={"token": token_of(page.text), "org_timezone": "UTC"}
        )
        assert answer.status_code == 403
        assert "cannot be changed here" in answer.text
