"""The page Notifications in a real browser: from an empty page to a test on its way, and to Slack and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from tests.browser.axe import severe_in_both
from tests.house import EVERYTHING, ORG, House

# Another site than ours, as Slack is: the browser keeps our cookies at home on the way back.
SLACK = "http://slack.test"

if TYPE_CHECKING:
    from tests.databases import Databases


@pytest.fixture(scope="module")
def company(databases: Databases) -> Iterator[House]:
    """A small company that can keep addresses; Slack is played by a server of this machine."""
    from tests.house import house
    from tests.queries.alerts.receivers import slack

    from trailhouse.producers.settings import Secret
    from trailhouse.queries.alerts.settings import NotificationSettings

    with slack() as far:
        own = NotificationSettings(
            key=Secret("k" * 40), slack_api=far.url + "/api/", slack_authorize=SLACK + "/oauth/v2/authorize"
        )
        with house(databases, people=2, days=1, notifications=own) as made:
            yield made


def test_an_alert_is_made_and_tested_by_hand(company: House, visiting: Any) -> None:
    """A channel, an alert that goes there, a test; the browser complains of nothing, also on a phone."""
    with visiting(EVERYTHING, viewport={"width": 390, "height": 844}) as visit:
        page = visit.page
        visit.go(f"notifications?org={ORG}")
        page.fill("input[placeholder='Security team']", "Security")
        page.fill("input[name=to]", "sec@example.org")
        page.click("text=Add mail")
        page.wait_for_selector("text=The channel is made")
        assert "s…@example.org" in page.inner_text("#channels")
        page.fill("#alerts input[name=name]", "Deleted projects")
        page.fill("#alerts input[name=action]", "project:delete")
        page.click("text=Make alert")
        page.wait_for_selector("text=The alert is made")
        page.click("[aria-label='Test Deleted projects']")
        page.wait_for_selector("text=A test is on its way")
        assert "waiting" in page.inner_text("#sent")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert severe_in_both(page) == {}
        assert visit.complaints == []


def test_an_alert_is_edited_by_hand(company: House, visiting: Any) -> None:
    """From the row to the form and back; another bound, paused, resumed; the keyboard reaches what is hidden in it."""
    with visiting(EVERYTHING) as visit:
        page = visit.page
        visit.go(f"notifications?org={ORG}")
        if page.is_hidden("text=Add mail"):
            page.click("text=New channel")
        page.fill("input[placeholder='Security team']", "Ops")
        page.fill("input[name=to]", "ops@example.org")
        page.click("text=Add mail")
        page.wait_for_selector("text=The channel is made")
        if page.is_hidden("text=Make alert"):
            page.click("text=New alert")
        page.fill("#alerts input[name=name]", "Sign-ins")
        page.select_option("#alerts select[name=kind]", "threshold")
        page.fill("#alerts input[name=window]", "5m")
        page.fill("#alerts input[name=above]", "20")
        page.check("#alerts .asks label:has-text('Ops') input")
        page.click("text=Make alert")
        page.wait_for_selector("text=The alert is made")
        page.click("[aria-label='Edit Sign-ins']")
        assert page.input_value("#edit input[name=above]") == "20"
        page.fill("#edit input[name=above]", "50")
        page.click("#edit summary")
        page.fill("#edit input[name=rate]", "6")
        page.click("text=Save changes")
        page.wait_for_selector("text=The alert is changed")
        assert "any event above 50 within 5m" in page.inner_text("#alerts")
        assert page.query_selector("#edit") is None
        page.click("[aria-label='Pause Sign-ins']")
        page.wait_for_selector("text=The alert is paused")
        page.click("[aria-label='Resume Sign-ins']")
        page.wait_for_selector("text=The alert speaks again")
        assert visit.complaints == []


def test_slack_is_connected_by_the_browser(company: House, visiting: Any) -> None:
    """The page sends the browser to Slack; coming back from another site it is let in, though its cookies stay at home."""
    with visiting(EVERYTHING) as visit:
        page = visit.page
        visit.go(f"notifications?org={ORG}")
        page.fill("input[name=client_id]", "12.34")
        page.fill("input[name=client_secret]", "s3cretsecret")
        page.fill("input[name=redirects]", company.url)
        page.click("text=Save")
        page.wait_for_selector("#connect")

        def allow(route: Any) -> None:
            state = route.request.url.partition("state=")[2].partition("&")[0]
            back = f"{company.url}/org/dashboard/notifications/slack?code=good&state={state}"
            route.fulfill(content_type="text/html", body=f"<a id=back href='{back}'>Allow</a>")

        page.route(SLACK + "/**", allow)
        page.click("#connect")
        page.click("#back")
        page.wait_for_selector("text=Slack is connected")
        assert "Acme #audit" in page.inner_text("#channels")
