"""The page Notifications: forms without scripts, rights, the way to Slack and back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.databases import Databases
from tests.house import EVERYTHING, MASKED, ORG, OTHER, ROOT, House, house, sign_in, token_of
from tests.queries.alerts.receivers import Receiver, slack
from tests.queries.keyring import give

from trailhouse.producers.settings import Secret
from trailhouse.queries.alerts.settings import NotificationSettings
from trailhouse.queries.key import Scope
from trailhouse.queries.key_table import revoke_keys

PAGE = "notifications"


@pytest.fixture(scope="module")
def far() -> Iterator[Receiver]:
    """Slack."""
    with slack() as server:
        yield server


@pytest.fixture(scope="module")
def office(databases: Databases, far: Receiver) -> Iterator[House]:
    """A small company whose API can keep addresses."""
    own = NotificationSettings(
        key=Secret("k" * 40), slack_api=far.url + "/api/", slack_authorize=far.url + "/oauth/v2/authorize"
    )
    with house(databases, people=2, days=1, notifications=own) as made:
        yield made


def send(client: httpx.Client, do: str, **fields: str) -> httpx.Response:
    """A form of the page, with the token the page gave."""
    token = token_of(client.get(PAGE, params={"org": ORG}).text)
    return client.post(PAGE, data={"token": token, "org": ORG, "do": do, **fields})


def follow(client: httpx.Client, answer: httpx.Response) -> httpx.Response:
    """The page a form leads to."""
    assert answer.status_code == 303, answer.text
    return client.get(client.base_url.join(answer.headers["location"]))


def id_of(client: httpx.Client, name: str, do: str) -> str:
    """The id in the form of the button `do` in the row of `name`."""
    (row,) = [
        each
        for each in client.get(PAGE, params={"org": ORG}).text.split("<tr>")
        if f">{name}</td>" in each and f'value="{do}"' in each
    ]
    (found,) = re.findall(rf'value="{do}"><input type="hidden" name="id" value="([a-z0-9_]+)"', row)
    return str(found)


def test_channels_and_alerts_are_made_tested_muted_and_deleted(office: House) -> None:
    """Every button, by plain forms; a secret is shown once; the page says what happened."""
    with office.visitor() as client:
        empty = client.get(PAGE, params={"org": ORG})
        assert empty.headers["content-security-policy"].startswith("default-src 'none'")
        assert "No alerts yet" in empty.text
        answer = send(client, "channel", kind="webhook", name="Bot", url="https://hooks.example.org/t0ken")
        assert answer.status_code == 200
        assert re.search(r'<pre id="secret">whsec_[A-Za-z0-9+/=]{40,}</pre>', answer.text)
        page = client.get(PAGE, params={"org": ORG}).text
        assert "whsec_" not in page
        assert "t0ken" not in page
        channel = id_of(client, "Bot", "delete_channel")
        answer = send(
            client,
            "alert",
            name="Denied <b>",
            kind="threshold",
            action="user:*",
            outcome="denied",
            window="5m",
            above="3",
            quiet="10m",
            **{f"channel:{channel}": "on"},
        )
        assert answer.status_code == 303, answer.text
        page = follow(client, answer).text
        assert "The alert is made" in page
        assert "Denied &lt;b&gt;" in page
        assert "action=user:* outcome=denied above 3 within 5m" in page
        alert = id_of(client, "Denied &lt;b&gt;", "test")
        for do, text in (
            ("test", "waiting"),
            ("mute", "Unmute"),
            ("unmute", "Mute 1 h"),
            ("delete", "No alerts yet"),
        ):
            answer = send(client, do, id=alert)
            assert text in follow(client, answer).text, do
        send(client, "delete_channel", id=channel)
        assert (
            "Bot"
            not in client.get(PAGE, params={"org": ORG})
            .text.partition('id="channels"')[2]
            .partition("New channel")[0]
        )


def test_an_alert_is_changed_paused_and_taken_over_by_forms(office: House) -> None:
    """The form holds what is there; only what differs is changed; a new kind needs no field emptied by hand."""
    with office.visitor() as client:
        send(client, "channel", kind="email", name="One", to="sec@example.org")
        send(client, "channel", kind="email", name="Two", to="ops@example.org")
        one, two = (id_of(client, name, "delete_channel") for name in ("One", "Two"))
        form = {"kind": "threshold", "action": "user:*", "window": "5m", "above": "3", "quiet": "10m"}
        send(client, "alert", name="Old name", **form, **{f"channel:{one}": "on"})
        alert = id_of(client, "Old name", "test")
        page = client.get(PAGE, params={"org": ORG, "edit": alert}).text
        edit = page.partition('id="edit"')[2].partition("</article>")[0]
        for name, value in {"name": "Old name", "action": "user:*", "window": "5m", "above": "3"}.items():
            assert re.search(rf'name="{name}" maxlength="\d+" value="{re.escape(value)}"', edit), name
        assert re.search(rf'name="channel:{one}" checked', edit)
        assert not re.search(rf'name="channel:{two}" checked', edit)
        change = {**form, "name": "New name", "kind": "event", "actor": "", "rate": "5"}
        answer = send(client, "edit", id=alert, **change, **{f"channel:{two}": "on"})
        page = follow(client, answer).text
        assert "The alert is changed" in page
        row = page.partition(">New name</td>")[2].partition("</tr>")[0]
        assert "<td>action=user:*</td><td>Two</td>" in row
        assert send(client, "edit", id=alert, **change | {"name": ""}).status_code == 400
        assert send(client, "edit", id="al_none", **change).status_code == 404
        assert ">Resume<" in follow(client, send(client, "pause", id=alert)).text
        assert ">Resume<" not in follow(client, send(client, "resume", id=alert)).text
        assert "your key is good" in follow(client, send(client, "take_over", id=alert)).text
        for do, which in (("delete", alert), ("delete_channel", one), ("delete_channel", two)):
            send(client, do, id=which)


def test_an_alert_whose_key_is_gone_says_so_and_is_taken_over(office: House) -> None:
    """The page says which key, and since when; a button mends it. Administrators of others cannot."""
    key, text = give(office.database, [ORG], [Scope.ADMIN])
    with httpx.Client(base_url=office.url + ROOT, timeout=120) as client:
        assert sign_in(client, text).status_code == 303
        send(client, "channel", kind="email", name="Gone", to="sec@example.org")
        channel = id_of(client, "Gone", "delete_channel")
        send(client, "alert", name="Of a key", **{f"channel:{channel}": "on"})
    revoke_keys(office.database, [key.key_id], datetime.now(UTC))
    with office.visitor() as client:
        page = client.get(PAGE, params={"org": ORG}).text
        assert f"its key {key.key_id} was revoked on {datetime.now(UTC).date()}" in page
        alert = id_of(client, "Of a key", "take_over")
        token = token_of(page)
        elsewhere = {"token": token, "org": OTHER, "do": "take_over", "id": alert}
        assert client.post(PAGE, data=elsewhere).status_code == 403
        assert client.post(PAGE, data=elsewhere | {"org": ORG, "token": "0" * 80}).status_code == 400
        page = follow(client, send(client, "take_over", id=alert)).text
        assert "was revoked on" not in page
        for do, which in (("delete", alert), ("delete_channel", channel)):
            send(client, do, id=which)


def test_a_figure_of_a_report_is_chosen_by_its_name(office: House) -> None:
    """`report.figure` in one field."""
    with office.visitor() as client:
        send(client, "channel", kind="email", name="Mail", to="sec@example.org")
        channel = id_of(client, "Mail", "delete_channel")
        answer = send(
            client,
            "alert",
            name="Quiet week",
            kind="threshold",
            figure="active_users.active_users",
            below="5",
            **{f"channel:{channel}": "on"},
        )
        assert "active_users.active_users below 5" in follow(client, answer).text
        send(client, "delete", id=id_of(client, "Quiet week", "delete"))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"name": ""}, "name"),
        ({"name": "x", "action": "a", "kind": "often"}, "kind"),
        ({"name": "x", "actor": "mia"}, "actor"),
    ],
)
def test_a_form_that_cannot_be_is_told_why(office: House, fields: dict[str, str], why: str) -> None:
    """With the field's name."""
    with office.visitor() as client:
        answer = send(client, "alert", **fields)
        assert answer.status_code == 400
        assert why in answer.text


def test_nobody_but_administrators_comes_here(office: House) -> None:
    """Others have no such page in the navigation; a form of another browser, or of another organisation, is refused."""
    with office.visitor(MASKED) as client:
        assert client.get(PAGE, params={"org": ORG}).status_code == 403
        assert "/notifications" not in client.get("log", params={"org": ORG}).text
        token = token_of(client.get("log", params={"org": ORG}).text)
        assert (
            client.post(PAGE, data={"token": token, "org": ORG, "do": "test", "id": "x"}).status_code == 403
        )
    with office.visitor(None) as client:
        assert client.get(PAGE, params={"org": ORG}).status_code == 303
    with office.visitor() as client:
        token = token_of(client.get(PAGE, params={"org": ORG}).text)
        form = {"token": token, "org": OTHER, "do": "channel", "name": "x", "to": "a@example.org"}
        assert client.post(PAGE, data=form).status_code == 403
        assert client.post(PAGE, data=form | {"org": ORG, "token": "0" * 80}).status_code == 400
        elsewhere = {"sec-fetch-site": "cross-site"}
        assert client.post(PAGE, data=form | {"org": ORG}, headers=elsewhere).status_code == 400
        assert client.get(PAGE, params={"org": OTHER}).status_code == 403


@contextmanager
def registered(office: House, far: Receiver) -> Iterator[tuple[httpx.Client, str]]:
    """An administrator's browser that is on its way to Slack, and OAuth's state."""
    with httpx.Client(base_url=office.url + ROOT, timeout=120) as client:
        assert sign_in(client, office.key()).status_code == 303
        answer = send(
            client, "slack_app", enabled="on", client_id="12.34", client_secret="s3cretsecret", redirects=f"{office.url}, https://other.example.org"
        )  # fmt: skip
        page = follow(client, answer).text
        assert "s3cretsecret" not in page
        assert "https://other.example.org" in page
        away = client.get(f"{PAGE}/slack/connect", params={"org": ORG})
        assert away.status_code == 303, away.text
        asked = {name: each[0] for name, each in parse_qs(urlsplit(away.headers["location"]).query).items()}
        assert away.headers["location"].startswith(far.url + "/oauth/v2/authorize?")
        assert asked["redirect_uri"] == f"{office.url}{ROOT}{PAGE}/slack"
        assert asked["scope"] == "incoming-webhook"
        yield client, asked["state"]


def test_slack_is_registered_connected_and_has_a_channel(office: House, far: Receiver) -> None:
    """WL3, WL5, WL6: there and back over HTTP; coming from elsewhere without cookies it is asked again from here."""
    with registered(office, far) as (client, state):
        params = {"code": "good", "state": state}
        with httpx.Client(base_url=office.url + ROOT) as bare:
            again = bare.get(f"{PAGE}/slack", params=params, headers={"sec-fetch-site": "cross-site"})
            assert again.status_code == 200
            assert "/notifications/slack?code=good" in again.text.replace("&amp;", "&")
        back = client.get(f"{PAGE}/slack", params=params)
        assert back.status_code == 303, back.text
        page = follow(client, back).text
        assert "Slack is connected" in page
        assert "Acme #audit" in page
        assert "services/T0" not in page
        assert "xoxb" not in page


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"state": "x.y.z"}, 400), ({"code": "bad"}, 400), ({"error": "access_denied"}, 400)],
)
def test_a_way_back_that_is_not_ours_connects_nothing(
    office: House, far: Receiver, changes: dict[str, Any], status: int
) -> None:
    """A state of somebody else, a code Slack does not know, a person who said no."""
    with registered(office, far) as (client, state):
        before = len(client.get(PAGE, params={"org": ORG}).text.split("Acme #audit"))
        assert (
            client.get(f"{PAGE}/slack", params={"code": "good", "state": state} | changes).status_code
            == status
        )
        assert len(client.get(PAGE, params={"org": ORG}).text.split("Acme #audit")) == before
        with office.visitor(EVERYTHING, is_new=True) as other:
            assert other.get(f"{PAGE}/slack", params={"code": "good", "state": state}).status_code == 400


def test_the_page_with_a_new_secret_keeps_its_zone(office: House) -> None:
    """It answers a form, so its address has none; its links and forms still lead on in the zone."""
    with office.visitor() as client:
        answer = send(
            client,
            "channel",
            kind="webhook",
            name="Zoned",
            url="https://hooks.example.org/z",
            timezone="Asia/Tehran",
        )
        assert 'id="secret"' in answer.text
        assert f'href="/org/dashboard/activity?org={ORG}&amp;timezone=Asia%2FTehran"' in answer.text
        assert 'name="timezone" value="Asia/Tehran"' in answer.text
