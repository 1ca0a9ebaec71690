"""What may be changed about alerts, by whom, and that each change is recorded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.queries.alerts.yard import Yard

from trailhouse.producers.settings import Secret
from trailhouse.queries.alerts import desk as module
from trailhouse.queries.alerts.desk import UnknownAlert
from trailhouse.queries.alerts.seal import Seal, SealBroken
from trailhouse.queries.alerts.slack import Installation
from trailhouse.queries.errors import BadParameter


def test_an_alerts_life_is_recorded_step_by_step(yard: Yard) -> None:
    """In the log of its organisation, without addresses."""
    made = yard.desk.add_channel(
        yard.org, yard.by, {"name": "hook", "url": "https://hooks.example.org/t0ken"}
    )
    alert = yard.alert(with_pii=True)
    yard.desk.mute(yard.org, yard.by, alert, 3600)
    assert [each["state"] for each in yard.desk.alerts(yard.org)] == ["muted"]
    yard.desk.mute(yard.org, yard.by, alert, 0)
    yard.desk.edit(yard.org, yard.by, alert, {"name": "Secret name", "action": "user:login"})
    yard.desk.edit(yard.org, yard.by, alert, {"name": "Secret name"})
    yard.desk.edit(yard.org, yard.by, alert, {"paused": True})
    yard.desk.take_over(yard.org, yard.by, alert)
    notice = yard.desk.test(yard.org, yard.by, alert)
    assert [each["kind"] for each in yard.desk.outcome(yard.org, alert, notice)] == ["test"]
    with pytest.raises(BadParameter, match="channel"):
        yard.desk.delete_channel(yard.org, yard.by, made["id"])
    yard.desk.delete(yard.org, yard.by, alert)
    yard.desk.delete_channel(yard.org, yard.by, made["id"])
    assert (yard.desk.alerts(yard.org), yard.desk.channels(yard.org)) == ([], [])
    events = yard.recorded.take()
    assert {each["org_id"] for each in events} == {yard.org}
    assert [each["action"] for each in events] == [
        "channel:create", "alert:create", "alert:mute", "alert:mute", "alert:update", "alert:update", "alert:update",
        "alert:test", "alert:delete", "channel:delete",
    ]  # fmt: skip
    changes = [each["attributes"]["changed"] for each in events if each["action"] == "alert:update"]
    assert changes == ["name,action", "paused", "owner"]
    assert "t0ken" not in str(events)
    assert "Secret name" not in str(events)


def test_nobody_reaches_an_alert_of_another_organisation(yard: Yard) -> None:
    """By its id neither, nor its channels."""
    made = yard.desk.add_channel(yard.org, yard.by, {"name": "hook", "url": "https://hooks.example.org/"})
    alert = yard.alert()
    for work in (
        lambda: yard.desk.alert("other", alert),
        lambda: yard.desk.mute("other", yard.by, alert, 60),
        lambda: yard.desk.test("other", yard.by, alert),
        lambda: yard.desk.delete("other", yard.by, alert),
        lambda: yard.desk.edit("other", yard.by, alert, {"name": "mine"}),
        lambda: yard.desk.take_over("other", yard.by, alert),
    ):
        with pytest.raises(UnknownAlert):
            work()
    for work in (
        lambda: yard.desk.create("other", yard.by, {"name": "x", "channels": [made["id"]]}),
        lambda: yard.desk.delete_channel("other", yard.by, made["id"]),
    ):
        with pytest.raises(BadParameter):
            work()


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"kind": "threshold", "report": "no_such", "figure": "x", "above": 1}, "report"),
        ({"kind": "threshold", "report": "active_users", "figure": "no_such", "above": 1}, "figure"),
        ({"channels": ["nowhere"]}, "channels"),
        ({"with_pii": True}, "with_pii"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_made(yard: Yard, given: dict[str, Any], name: str) -> None:
    """Not when it should have spoken; whoever may not see people cannot have them named."""
    yard.webhook("https://hooks.example.org/")
    yard.by = replace(yard.by, read_pii=False)
    with pytest.raises(BadParameter) as caught:
        yard.alert(**given)
    assert caught.value.name == name


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"kind": "threshold", "report": "no_such", "figure": "x", "above": 1}, "report"),
        ({"channels": ["nowhere"]}, "channels"),
        ({"channels": 3}, "channels"),
        ({"name": None}, "name"),
        ({"with_pii": True}, "with_pii"),
    ],
)
def test_a_change_that_cannot_be_changes_nothing(yard: Yard, given: dict[str, Any], name: str) -> None:
    """It is refused as when the alert was made, and is not recorded."""
    yard.webhook("https://hooks.example.org/")
    alert = yard.alert(action="user:login")
    yard.by = replace(yard.by, read_pii=False)
    before = yard.desk.alerts(yard.org)
    yard.recorded.take()
    with pytest.raises(BadParameter) as caught:
        yard.desk.edit(yard.org, yard.by, alert, given)
    assert caught.value.name == name
    assert yard.desk.alerts(yard.org) == before
    assert yard.recorded.take() == []


def test_a_change_reaches_the_next_notice(yard: Yard) -> None:
    """Its name, its receivers by name or id, its condition; the rest stays as it was."""
    yard.webhook("https://hooks.example.org/", "first")
    yard.webhook("https://hooks.example.org/", "second")
    alert = yard.alert(channels=["first"], action="user:login", quiet="5m", rate=7)
    shown = yard.desk.edit(yard.org, yard.by, alert, {"channels": ["second"], "action": "page:*"})
    assert [each["name"] for each in shown["channels"]] == ["second"]
    assert (shown["says"], shown["quiet_s"], shown["rate"]) == ("action=page:*", 300, 7)
    yard.land({}, {"action": "page:view"})
    yard.watcher.look()
    assert [(each["channel"], each["count"]) for each in yard.notices()] == [("second", 1)]


def test_there_is_an_end_to_alerts_and_channels(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is looked at every second."""
    monkeypatch.setattr(module, "ALERTS_MAX", 1)
    monkeypatch.setattr(module, "CHANNELS_MAX", 1)
    yard.webhook("https://hooks.example.org/")
    yard.alert()
    with pytest.raises(BadParameter, match="name"):
        yard.alert()
    with pytest.raises(BadParameter, match="name"):
        yard.webhook("https://hooks.example.org/", "second")


def test_a_slack_app_is_registered_and_what_it_grants_is_a_channel(yard: Yard) -> None:
    """WL5: an empty secret keeps the one there is; a disabled app connects nobody."""
    given: Any = {"client_id": "12.34", "redirects": ["https://x.example"]}
    yard.desk.register_app(yard.org, yard.by, client_secret=Secret("s3cretsecret"), **given)
    yard.desk.register_app(yard.org, yard.by, client_secret=Secret(), **given)
    assert yard.desk.opened_app(yard.org).client_secret.reveal() == "s3cretsecret"
    yard.desk.connect_slack(
        yard.org, yard.by, Installation("https://hooks.slack.com/x", "#audit", "Acme", "xoxb")
    )
    (channel,) = yard.desk.channels(yard.org)
    assert (channel["kind"], channel["name"], channel["address"]) == ("slack", "#audit", "Acme #audit")
    yard.desk.register_app(yard.org, yard.by, client_secret=Secret(), is_enabled=False, **given)
    with pytest.raises(UnknownAlert, match="enabled"):
        yard.desk.opened_app(yard.org)
    assert "s3cretsecret" not in str(yard.recorded.take())


def test_without_a_key_no_address_is_kept(yard: Yard) -> None:
    """It says which setting is missing."""
    with pytest.raises(SealBroken, match="TRAILHOUSE_ALERTS_KEY"):
        replace(yard.desk, seal=Seal(Secret())).add_channel(
            yard.org, yard.by, {"name": "h", "url": "https://x.example"}
        )
