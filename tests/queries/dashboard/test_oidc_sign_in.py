"""Signing in with an OpenID provider, over HTTP: both ends are real, the browser is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey
from tests.house import ORG, OTHER, ROOT, House
from tests.openid import CLIENT, SECRET, OpenId, openid, parse
from tests.queries.recording import Recorded
from tests.queries.serving import NO_KAFKA, serving

from trailhouse.producers.settings import Secret
from trailhouse.queries.oidc_settings import OidcSettings
from trailhouse.queries.settings import ApiSettings

RULES = f"readers = {ORG} reports:read,audit:read; pii = {ORG} reports:read,audit:read,audit:read_pii; beta = {OTHER} reports:read; senders = {ORG} events:write"


@dataclass
class Place:
    """The dashboard that believes `openid`."""

    url: str
    openid: OpenId
    recorded: Recorded


@pytest.fixture(scope="module")
def running(company: House) -> Iterator[Place]:
    with openid() as provider:
        oidc = OidcSettings(
            issuer=provider.url,
            client_id=CLIENT,
            client_secret=Secret(SECRET),
            rights=RULES,
            name="Example ID",
        )
        recorded = Recorded()
        settings = ApiSettings(
            clickhouse=company.clickhouse,
            kafka=NO_KAFKA,
            keys_ttl_s=0,
            key_rate=0,
            anonymous="false",
            oidc=oidc,
        )
        with serving(settings, recorded=recorded) as client:
            yield Place(str(client.base_url).rstrip("/"), provider, recorded)


@pytest.fixture
def place(running: Place) -> Place:
    running.openid.reset()
    running.recorded.take()
    return running


@pytest.fixture
def browser(place: Place) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=place.url + ROOT, timeout=60, follow_redirects=False) as client:
        yield client


def leave(client: httpx.Client, to: str = "") -> dict[str, str]:
    """To the provider; what it is asked with."""
    answer = client.get("sign-in/oidc", params={"next": to} if to else {})
    assert answer.status_code == 303, answer.text
    return parse(httpx.URL(answer.headers["location"]).query.decode())


def sign_in(
    client: httpx.Client, place: Place, groups: list[str], to: str = "", **person: Any
) -> httpx.Response:
    """To the provider and back."""
    place.openid.person = {"sub": "ann", "email": "ann@example.org", "groups": groups, **person}
    return client.get(place.openid.agree(leave(client, to)))


def refusals(place: Place) -> list[str]:
    return [each["attributes"]["rule"] for each in place.recorded.take() if each["action"] == "access:denied"]


def test_somebody_with_a_group_gets_its_rights_and_no_more(place: Place, browser: httpx.Client) -> None:
    """The same pages as with a key of these rights; people masked; another organisation refused; all recorded."""
    answer = sign_in(browser, place, ["readers", "yoga"], f"{ROOT}log?org={ORG}")
    assert answer.status_code == 200
    assert f'content="0; url={ROOT}log?org={ORG}"' in answer.text
    session = next(
        each for each in answer.headers.get_list("set-cookie") if each.startswith("trailhouse_session")
    )
    assert {"HttpOnly", "SameSite=strict", f"Path={ROOT}", "Max-Age=43200"} <= set(session.split("; "))
    assert "ann" not in session
    page = browser.get(f"log?org={ORG}")
    assert page.status_code == 200
    assert "@example.com" not in page.text
    assert "ann@example.org" in page.text
    assert browser.get(f"log?org={OTHER}").status_code == 403
    told = place.recorded.take()
    assert [(each["action"], each["org_id"], each["actor_user_id"]) for each in told[:2]] == [
        ("session:create", ORG, "ann@example.org"),
        ("audit:read", ORG, "ann@example.org"),
    ]
    assert told[0]["attributes"]["sign_in"] == "oidc"
    assert told[0]["attributes"]["key_id"].startswith("oidc:")
    assert told[-1]["action"] == "access:denied"


def test_names_are_shown_where_a_rule_says_so_and_nowhere_else(place: Place, browser: httpx.Client) -> None:
    """Rights of two groups do not mix: names in acme, none in beta."""
    sign_in(browser, place, ["pii", "beta"])
    assert "@example.com" in browser.get(f"?org={ORG}").text
    beta = browser.get(f"members?org={OTHER}")
    assert beta.status_code == 200
    assert "u_" in beta.text
    assert "bea@example.org" not in beta.text
    assert browser.get(f"log?org={OTHER}").status_code == 403
    # Asked about both, what is held in both: reports, masked.
    assert "u-0001" not in browser.get(f"members?org={ORG}&org={OTHER}").text


def test_signing_out_ends_it_for_every_copy(place: Place, browser: httpx.Client) -> None:
    """As with a key."""
    sign_in(browser, place, ["readers"])
    page = browser.get(f"settings?org={ORG}").text
    token = page.split('name="token" value="')[1][:80]
    cookies = dict(browser.cookies)
    assert browser.post("sign-out", data={"token": token}).status_code == 303
    with httpx.Client(base_url=place.url + ROOT, cookies=cookies) as copy:
        assert copy.get(f"log?org={ORG}").status_code == 303


@pytest.mark.parametrize("groups", [[], ["yoga"], ["senders"], "readers-not"])
def test_whom_no_rule_names_stays_out(place: Place, browser: httpx.Client, groups: Any) -> None:
    """By default nobody has a right; the refusal is recorded with who it was."""
    answer = sign_in(browser, place, groups)
    assert answer.status_code == 403
    assert "no rights here" in answer.text
    assert "trailhouse_session" not in browser.cookies
    (told,) = place.recorded.take()
    assert (told["action"], told["attributes"]["rule"]) == ("access:denied", "oidc_unmapped")
    assert told["actor_user_id"] == "ann@example.org"


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"nonce": "another"}, "oidc_nonce"),
        ({"aud": "another"}, "oidc_audience"),
        ({"exp": 1_700_000_000}, "oidc_expired"),
        ({"iss": "https://evil.example"}, "oidc_issuer"),
    ],
)
def test_a_wrong_token_opens_nothing(
    place: Place, browser: httpx.Client, wrong: dict[str, Any], rule: str
) -> None:
    """Told, recorded, no cookie."""
    place.openid.wrong = wrong
    answer = sign_in(browser, place, ["readers"])
    assert answer.status_code == 403
    assert "Not signed in" in answer.text
    assert "trailhouse_session" not in browser.cookies
    assert refusals(place) == [rule]


@pytest.mark.parametrize("how", ["foreign", "none"])
def test_a_token_nobody_signed_opens_nothing(place: Place, browser: httpx.Client, how: str) -> None:
    """By another key, and by none (`alg: none`)."""
    if how == "none":
        place.openid.is_unsigned = True
    else:
        place.openid.signer = RSAKey.generate_key(2048, {"kid": "one"})
    assert sign_in(browser, place, ["readers"]).status_code == 403
    assert refusals(place) == ["oidc_signature"]


def test_an_answer_that_this_browser_did_not_ask_for_is_refused(place: Place, browser: httpx.Client) -> None:
    """A wrong state, no ticket, another browser's ticket, another issuer's answer, an error."""
    place.openid.person["groups"] = ["readers"]
    back = place.openid.agree(leave(browser))
    with httpx.Client() as stranger:
        assert stranger.get(back).status_code == 403
        stranger.get(f"{place.url}{ROOT}sign-in/oidc")
        assert stranger.get(back).status_code == 403
    assert browser.get(back, params={**httpx.URL(back).params, "state": "0" * 64}).status_code == 403
    for changed in ({"iss": "https://evil.example"}, {"error": "access_denied"}, {"code": ""}):
        asked = httpx.URL(place.openid.agree(leave(browser)))
        assert browser.get(asked.copy_merge_params(changed)).status_code == 403
    assert refusals(place) == ["oidc_state"] * 3 + ["oidc_issuer", "oidc_provider", "oidc_provider"]
    assert "trailhouse_session" not in browser.cookies


def test_an_answer_opens_once(place: Place, browser: httpx.Client) -> None:
    """Not again with its code, nor with the ticket kept aside, nor with a new code for the old ticket."""
    place.openid.person["groups"] = ["readers"]
    asked = leave(browser)
    kept, back = dict(browser.cookies), place.openid.agree(asked)
    assert browser.get(back).status_code == 200
    for again in (back, place.openid.agree(asked)):
        with httpx.Client(cookies=kept) as copy:
            assert copy.get(again).status_code == 403
            assert "trailhouse_session" not in copy.cookies
    assert set(refusals(place)) == {"oidc_code"}


@pytest.mark.parametrize(
    "to", ["https://evil.example/", "//evil.example/x", "/org/dashboard/../../evil", "javascript:alert(1)"]
)
def test_nobody_is_sent_elsewhere(place: Place, browser: httpx.Client, to: str) -> None:
    """`next` stays on this site."""
    answer = sign_in(browser, place, ["readers"], to)
    assert f'content="0; url={ROOT}"' in answer.text
    assert "evil" not in answer.text


def test_the_page_offers_both_and_says_when_the_provider_is_away(place: Place, browser: httpx.Client) -> None:
    """The button goes on where one was; a key still opens."""
    page = browser.get("sign-in", params={"next": f"{ROOT}log?org={ORG}"}).text
    assert "Sign in with Example ID" in page
    assert "/org/dashboard/sign-in/oidc?next=%2Forg%2Fdashboard%2Flog%3Forg%3Dacme" in page
    assert 'name="key"' in page
    away = OidcSettings(issuer="http://127.0.0.1:9", client_id="t", rights="a = acme admin")
    with serving(ApiSettings(kafka=NO_KAFKA, oidc=away)) as client:
        answer = client.get(f"{ROOT}sign-in/oidc")
        assert answer.status_code == 503
        assert "does not answer" in answer.text


def test_without_a_provider_there_is_no_such_sign_in(company: House) -> None:
    """Neither a button nor a route; the cookie of a person is worth nothing."""
    with company.visitor(None) as client:
        assert "sign-in/oidc" not in client.get("sign-in").text
        assert client.get("sign-in/oidc").status_code == 404
