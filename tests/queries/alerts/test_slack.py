"""A customer's own Slack app against Slack's endpoints, as this machine plays them (WL1-WL6)."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.own_thread import stand_in
from tests.queries.alerts.receivers import free_port, slack

from trailhouse.producers.settings import Secret
from trailhouse.queries.alerts.alert import read_alert
from trailhouse.queries.alerts.evaluation import Notice
from trailhouse.queries.alerts.message import message_of
from trailhouse.queries.alerts.slack import (
    SCOPE,
    STATE_LIFE_S,
    SlackApp,
    SlackRefused,
    States,
    authorize_url,
    blocks_of,
    exchange,
    read_app,
)
from trailhouse.queries.errors import BadParameter

HOSTS = ("https://trailhouse.example.org", "https://audit.example.org:8443")


def app(secret: str = "s3cretsecret") -> SlackApp:
    return read_app("acme", "12.34", Secret(secret), HOSTS)


def test_the_browser_is_sent_to_slack_with_one_scope_and_its_own_redirect_url() -> None:
    """WL2, WL3: of several hosts the one it came by; an unknown one is refused."""
    redirect = app().redirect("audit.example.org:8443")
    url = authorize_url(app(), "https://slack.com/oauth/v2/authorize", redirect, "a-state")
    asked = {name: each[0] for name, each in parse_qs(urlsplit(url).query).items()}
    assert url.startswith("https://slack.com/oauth/v2/authorize?")
    assert (asked["client_id"], asked["scope"], asked["state"]) == ("12.34", SCOPE, "a-state")
    assert asked["redirect_uri"] == HOSTS[1] + "/org/dashboard/notifications/slack"
    assert "s3cret" not in url
    for host in ("evil.example", "trailhouse.example.org.evil.example", ""):
        with pytest.raises(SlackRefused, match="no redirect URL"):
            app().redirect(host)


def test_a_code_is_turned_into_a_hook() -> None:
    """Over HTTP, with the client's id and secret and the same redirect URL."""
    with slack() as server:
        granted = exchange(app(), server.url + "/api/", "https://x/cb", "good")
        assert granted.channel == "#audit"
        assert granted.url == server.url + "/services/T0/B0/hook"
        (request,) = server.requests
        assert b"redirect_uri=https" in request.body


@pytest.mark.parametrize(
    ("secret", "code", "why"),
    [
        ("s3cretsecret", "bad", "invalid_code"),
        ("wr0ngsecret", "good", "invalid_code"),
        ("s3cretsecret", "narrow", SCOPE),
    ],
)
def test_what_slack_refuses_is_told(secret: str, code: str, why: str) -> None:
    """A wrong code, a wrong secret, an app without the scope; never the secret."""
    with slack() as server, pytest.raises(SlackRefused, match=why) as caught:
        exchange(app(secret), server.url + "/api/", "https://x/cb", code)
    assert secret not in str(caught.value)


def test_a_slack_that_is_away_is_told() -> None:
    """It is no defect of ours."""
    with pytest.raises(SlackRefused, match="does not answer"):
        exchange(app(), f"http://127.0.0.1:{free_port()}/api/", "https://x/cb", "good")


def test_only_the_browser_that_left_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its own state, for its own organisation, within ten minutes."""
    states = States(Secret("s" * 32))
    state = states.make("acme:é", "nonce-1")
    assert states.read(state, "nonce-1") == "acme:é"
    other = States(Secret("t" * 32))
    for made, nonce, by in (
        (state, "nonce-2", states),
        (state[:-1] + "x", "nonce-1", states),
        ("", "nonce-1", states),
        (state, "nonce-1", other),
        ("a.b.c.é", "n", states),
    ):
        with pytest.raises(SlackRefused, match="this browser"):
            by.read(made, nonce)
    import time

    now = time.time()
    stand_in(monkeypatch, time, "time", lambda: now + STATE_LIFE_S + 2)
    with pytest.raises(SlackRefused):
        states.read(state, "nonce-1")


@pytest.mark.parametrize(
    ("client_id", "secret", "redirects"),
    [
        ("", "s3cretsecret", HOSTS),
        ("12 34", "s3cretsecret", HOSTS),
        ("12.34", "", HOSTS),
        ("12.34", "s3cretsecret", ()),
        ("12.34", "s3cretsecret", ("https://x.example/path",)),
        ("12.34", "s3cretsecret", ("javascript:alert(1)",)),
    ],
)
def test_what_no_app_can_be_is_refused(client_id: str, secret: str, redirects: Any) -> None:
    """A redirect URL is a host of this installation (WL3)."""
    with pytest.raises(BadParameter) as caught:
        read_app("acme", client_id, Secret(secret), redirects)
    assert not secret or secret not in str(caught.value)


def test_texts_of_events_mention_nobody_in_slack() -> None:
    """No link, no channel mention, no end of the block."""
    event = {"event_id": "e", "action": "<!channel> <https://evil.example|x> ```& more", "occurred_at": "t"}
    alert = read_alert({"name": "<!here>", "channels": ["c"]}, org="acme", alert_id="al_1")
    body = blocks_of(
        message_of(alert, Notice("n-1", "event", 0, count=1, events=(event,)), "https://t.example")
    )
    text = json.dumps([each for each in body["blocks"] if each["type"] != "header"]) + body["text"]
    assert "<!" not in text
    assert "<https://evil" not in text
    assert body["metadata"]["event_payload"] == {"notification_id": "n-1"}
