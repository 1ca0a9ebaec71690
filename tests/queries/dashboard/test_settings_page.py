"""The page Settings."""

from __future__ import annotations

from tests.house import EVERYTHING, MASKED, ORG, OTHER, House


def test_administrators_see_the_keys_of_their_organisations(company: House) -> None:
    """Never one that reaches further than theirs; others see their own rights alone."""
    company.key(MASKED, (OTHER,), username="bea-of-beta")
    company.key(MASKED, ("*",), username="of-all")
    company.key(MASKED, username="of-acme")
    with company.visitor() as client:
        page = client.get(f"settings?org={ORG}").text
    assert "of-acme" in page
    assert "bea-of-beta" not in page
    assert "of-all" not in page
    with company.visitor(EVERYTHING, ("*",)) as client:
        assert "bea-of-beta" in client.get(f"settings?org={ORG}").text
    with company.visitor(MASKED) as client:
        page = client.get(f"settings?org={ORG}").text
    assert "of-acme" not in page
    assert "read the audit log" in page
    assert 'action="/org/dashboard/settings/' not in page
    assert "Administrators of acme" in page


def test_the_zone_is_one_there_is(company: House) -> None:
    """It goes along to every page by its address."""
    with company.visitor() as client:
        assert 'value="Asia/Tehran"' in client.get(f"settings?org={ORG}&timezone=Asia/Tehran").text
        assert client.get(f"settings?org={ORG}&timezone=Mars").status_code == 400
