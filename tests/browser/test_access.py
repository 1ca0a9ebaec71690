"""Signing in with an OpenID provider, changing settings, and several organisations, in a real browser."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.house import EVERYTHING, ORG, OTHER, House
from tests.openid import CLIENT, SECRET, openid
from tests.queries.serving import NO_KAFKA, serving

from trailhouse.producers.settings import Secret
from trailhouse.queries.key_table import load_keys
from trailhouse.queries.oidc_settings import OidcSettings
from trailhouse.queries.settings import ApiSettings


def test_single_sign_on_from_a_link_and_out_again(company: House, browser: Any) -> None:
    """From the page one wanted to the provider, back to that very page with the group's rights, and out."""
    with openid() as provider:
        provider.person = {"sub": "ann", "email": "ann@example.org", "groups": ["audit"]}
        oidc = OidcSettings(
            issuer=provider.url,
            client_id=CLIENT,
            client_secret=Secret(SECRET),
            name="Example ID",
            rights=f"audit = {ORG} reports:read,audit:read",
        )
        settings = ApiSettings(clickhouse=company.clickhouse, kafka=NO_KAFKA, oidc=oidc)
        with serving(settings) as client:
            context = browser.new_context()
            try:
                page = context.new_page()
                page.set_default_timeout(120_000)
                complaints: list[str] = []
                page.on(
                    "console", lambda said: complaints.append(said.text) if said.type == "error" else None
                )
                broken: list[str] = []
                page.on("response", lambda got: broken.append(got.url) if got.status >= 400 else None)
                page.goto(f"{client.base_url}/org/dashboard/log?org={ORG}&action=user:login")
                page.click("text=Sign in with Example ID")
                page.click("text=Agree")
                page.wait_for_selector("table.log")
                assert page.url.endswith(f"/org/dashboard/log?org={ORG}&action=user:login")
                assert "@example.com" not in page.content()
                cookies = {each["name"]: each for each in context.cookies()}
                assert set(cookies) == {"trailhouse_session"}
                assert cookies["trailhouse_session"]["httpOnly"]
                assert cookies["trailhouse_session"]["sameSite"] == "Strict"
                page.click("summary[aria-label^='Signed in as ann@example.org']")
                page.click("text=Sign out")
                page.wait_for_selector("#key")
                assert [each["name"] for each in context.cookies()] == ["trailhouse_form"]
                # The provider's page has no icon.
                assert [each for each in broken if not each.startswith(provider.url)] == []
                assert [each for each in complaints if "404" not in each] == []
            finally:
                context.close()


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "plain"])
def test_a_key_is_made_and_revoked(company: House, visiting: Any, has_script: bool) -> None:
    """Shown once; what is wrong is told beside its field with the rest still there; revoking asks first."""
    name = f"made-{has_script}"
    with visiting(EVERYTHING, java_script_enabled=has_script) as visit:
        page = visit.page
        visit.go(f"settings?org={ORG}")
        page.click("text=New key")
        page.fill("[name=username]", name)
        page.fill("[name=expires]", "soon")
        page.check("[name='scope.reports:read']")
        page.click("text=Make the key")
        assert "12h" in page.inner_text("#wrong-make-key-expires")
        assert page.input_value("[name=username]") == name
        page.fill("[name=expires]", "12h")
        page.click("text=Make the key")
        text = page.inner_text("#new-key")
        assert re.fullmatch(r"thk_[0-9a-f]{12}_[0-9a-f]{64}", text.strip())
        visit.go(f"settings?org={ORG}")
        assert page.locator("#new-key").count() == 0
        row = page.locator("#keys tr", has_text=name)
        row.locator("summary").click()
        row.locator("text=Revoke for ever").click()
        page.wait_for_url(re.compile("done=revoked"))
        assert "The key is revoked" in page.inner_text("[role=status]")
        assert "revoked" in page.locator("#keys tr", has_text=name).inner_text()
        assert [each for each in visit.complaints if "400" not in each] == []
    (key,) = [each for each in load_keys(company.database).values() if each.username == name]
    assert key.revoked_at is not None


def test_several_organisations_are_checked_in_the_head(visiting: Any) -> None:
    """Two by their boxes, all by a link; the choice stays from page to page."""
    with visiting(EVERYTHING, (ORG, OTHER)) as visit:
        page = visit.page
        visit.go(f"members?org={ORG}&last=7d")
        one = page.inner_text("#count .figure b")
        page.click(".org summary")
        page.check(f".org input[value={OTHER}]")
        page.click("text=Show the checked ones")
        page.wait_for_url(re.compile(f"org={ORG}&org={OTHER}"))
        assert "last=7d" in page.url
        assert page.inner_text("#count .figure b") == str(int(one) + 1)
        assert "2 organizations" in page.inner_text("header .org")
        page.click("nav.side >> text=Audit log")
        page.click(f".one >> text={OTHER}")
        page.wait_for_url(re.compile(f"of={OTHER}"))
        assert f"Who did what in {OTHER}" in page.inner_text("main")
        page.click(".org summary")
        page.click("text=All organizations")
        page.wait_for_url(re.compile("org=%2A"))
