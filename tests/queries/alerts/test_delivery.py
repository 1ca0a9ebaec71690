"""Notices reach their channels: signed, retried, given up visibly, with people only where they may be named."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.queries.alerts.receivers import free_port, receiving, slack, wait_for
from tests.queries.alerts.yard import Yard
from tests.queries.keyring import give

from trailhouse.producers.settings import Secret
from trailhouse.queries.alerts import delivery as module
from trailhouse.queries.alerts.desk import By
from trailhouse.queries.alerts.slack import exchange, read_app
from trailhouse.queries.alerts.webhook import is_signed
from trailhouse.queries.errors import StorageUnavailable
from trailhouse.queries.key import Scope
from trailhouse.queries.self_audit import Who


def test_a_notification_arrives_signed_and_without_people(yard: Yard) -> None:
    """Under its id, once."""
    with receiving() as receiver:
        secret, dispatcher = yard.webhook(receiver.url + "/hook"), yard.dispatcher()
        yard.alert(action="user:login", group_by="actor")
        yard.land({})
        yard.watcher.look()
        yard.deliver(dispatcher)
        yard.deliver(dispatcher)
    (request,) = receiver.requests
    assert is_signed(Secret(secret), request.headers, request.body, int(yard.now))
    data = request.json["data"]
    assert (data["org_id"], data["count"]) == (yard.org, 1)
    assert re.fullmatch("u_[0-9a-f]{16}", data["events"][0]["actor"])
    assert b"mia" not in request.body
    (notice,) = yard.notices()
    assert (notice["status"], notice["attempts"], notice["id"]) == ("delivered", 1, receiver.ids()[0])


@pytest.mark.parametrize("is_allowed", [True, False])
def test_people_are_named_only_if_the_alert_says_so_and_its_owner_may(yard: Yard, is_allowed: bool) -> None:
    """A person of whose rights nothing is known once they are gone names nobody."""
    key, _ = give(yard.client, [yard.org], [Scope.ADMIN])
    name = key.key_id if is_allowed else "oidc:0123456789abcdef01234567"
    yard.by = By(Who.of_key(key), f"key:{name}", read_pii=True)
    with receiving() as receiver:
        yard.webhook(receiver.url)
        yard.alert(with_pii=True)
        yard.land({"actor_ip": "192.0.2.7"})
        yard.watcher.look()
        stored = str(yard.client.query("SELECT * FROM alert_notices").result_rows)
        yard.deliver(yard.dispatcher())
    (event,) = receiver.requests[0].json["data"]["events"]
    assert (event["actor"] == "mia@example.org") is is_allowed
    assert (event.get("actor_ip") == "192.0.2.7") is is_allowed
    assert "mia" not in stored


def test_a_test_arrives_at_the_hook_that_slack_granted(yard: Yard) -> None:
    """WL6: the app is let in, *Test* is pressed, and Slack gets one message of blocks, unsigned, where it said."""
    with slack() as far:
        home = "https://trailhouse.example.org"
        app = read_app(yard.org, "12.34", Secret("s3cretsecret"), [home])
        yard.desk.connect_slack(yard.org, yard.by, exchange(app, far.url + "/api/", home, "good"))
        far.requests.clear()
        alert = yard.alert(channels=["#audit"])
        notice, dispatcher = yard.desk.test(yard.org, yard.by, alert), yard.dispatcher()
        yard.deliver(dispatcher)
        yard.deliver(dispatcher)
    (request,) = far.requests
    assert (request.path, request.headers["content-type"]) == ("/services/T0/B0/hook", "application/json")
    assert [each["type"] for each in request.json["blocks"]] == ["header", "context"]
    assert "An alert" in request.json["text"]
    assert request.json["metadata"]["event_payload"] == {"notification_id": notice}
    assert "webhook-signature" not in request.headers
    (found,) = yard.desk.outcome(yard.org, alert, notice)
    assert (found["status"], found["attempts"]) == ("delivered", 1)


def test_failures_are_tried_again_ever_later_and_given_up_visibly(yard: Yard) -> None:
    """The same id each time; after the last attempt the alert is `failing` and says why."""
    with receiving(500) as receiver:
        yard.webhook(receiver.url)
        alert, dispatcher = yard.alert(), yard.dispatcher()
        yard.land({})
        yard.watcher.look()
        for pause in (0, 0.5, 0.6, 1, 90_000):
            yard.now += pause
            yard.deliver(dispatcher)
        assert len(receiver.ids()) == 3
        assert len(set(receiver.ids())) == 1
        yard.now += 1e6
        yard.deliver(dispatcher)
        assert len(receiver.ids()) == 3
    (row,) = yard.desk.alerts(yard.org)
    assert (row["id"], row["state"], row["dead"]) == (alert, "failing", 1)
    (notice,) = yard.desk.alert(yard.org, alert)["notifications"]
    assert (notice["status"], notice["error"]) == ("dead", "answered 500")


def test_a_hanging_receiver_holds_up_no_other(yard: Yard) -> None:
    """The good one gets its notice while the other still says nothing."""
    with receiving("hang") as slow, receiving() as good:
        yard.webhook(slow.url, "slow")
        yard.webhook(good.url, "good")
        yard.alert(channels=["slow", "good"])
        yard.land({})
        yard.watcher.look()
        dispatcher = yard.dispatcher()
        dispatcher.tick()
        wait_for(lambda: good.requests and slow.requests)
        assert any(not each.done() for each in dispatcher._busy.values())
        slow.ended.set()
        wait_for(lambda: all(each.done() for each in dispatcher._busy.values()))
        dispatcher.tick()
    found = {each["channel"]: each["status"] for each in yard.notices()}
    assert found == {"good": "delivered", "slow": "pending"}


def test_one_organisations_hanging_receivers_hold_up_no_other_organisation(yard: Yard) -> None:
    """However many: all of its share are busy, and the other's notice arrives while they are."""
    other = f"{yard.org}-other"
    with receiving("hang") as slow, receiving() as good:
        for number in range(20):
            yard.webhook(slow.url, f"slow {number}")
        for start in (0, 10):
            yard.alert(
                channels=[f"slow {number}" for number in range(start, start + 10)], action="user:login"
            )
        yard.desk.add_channel(other, yard.by, {"name": "good", "url": good.url})
        yard.desk.create(other, yard.by, {"name": "Theirs", "channels": ["good"]})
        yard.land({}, {"org_id": other})
        yard.watcher.look()
        dispatcher = yard.dispatcher(timeout_s=60)
        dispatcher.tick()
        wait_for(lambda: good.requests)
        assert {each["attempts"] for each in yard.notices()} == {0}
        slow.ended.set()
        wait_for(lambda: not dispatcher.is_busy)


def test_who_delivers_no_more_sends_nothing_and_begins_again_from_what_is_kept(yard: Yard) -> None:
    """Another process has delivered meanwhile: neither of its notices is sent twice, and none is lost."""
    leads = True
    with receiving() as receiver:
        yard.webhook(receiver.url)
        yard.alert(quiet="0")
        yard.land({})
        yard.watcher.look()
        first, second = yard.dispatcher(may=lambda: leads), yard.dispatcher()
        leads = False
        yard.deliver(first)
        assert receiver.requests == []
        assert yard.notices()[0]["attempts"] == 0
        yard.deliver(second)
        leads = True
        first.forget()
        yard.deliver(first)
        assert len(receiver.requests) == 1
        yard.now += 1
        yard.land({"action": "page:view"})
        yard.watcher.look()
        yard.deliver(first)
    assert len(receiver.ids()) == len(set(receiver.ids())) == 2


def test_private_addresses_are_refused_unless_allowed(yard: Yard) -> None:
    """Nothing is sent, and the reason is shown."""
    with receiving() as receiver:
        yard.webhook(receiver.url)
        yard.alert()
        yard.land({})
        yard.watcher.look()
        yard.deliver(yard.dispatcher(allow="", attempts=1))
        assert receiver.requests == []
    (notice,) = yard.notices()
    assert notice["status"] == "dead"
    assert "private" in notice["error"]


def test_a_delivery_that_could_not_be_stored_is_sent_again_under_its_id(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least once: the receiver can tell the repeat."""

    def die(*_: object) -> None:
        raise StorageUnavailable("killed here")

    with receiving() as receiver:
        yard.webhook(receiver.url)
        yard.alert()
        yard.land({})
        yard.watcher.look()
        first = yard.dispatcher()
        with monkeypatch.context() as patch:
            patch.setattr(module, "save_sendings", die)
            yard.deliver(first)
        assert yard.notices()[0]["status"] == "pending"
        yard.deliver(first)
        yard.deliver(yard.dispatcher())
        assert len(receiver.ids()) == 2
        assert len(set(receiver.ids())) == 1
    assert yard.notices()[0]["status"] == "delivered"


def test_what_another_key_sealed_is_told_as_such(yard: Yard) -> None:
    """A changed TRAILHOUSE_ALERTS_KEY shows as a reason, not as silence."""
    yard.webhook(f"http://127.0.0.1:{free_port()}")
    yard.client.command(
        "ALTER TABLE alert_channels UPDATE sealed = 'gAAAA' WHERE 1 SETTINGS mutations_sync = 2"
    )
    yard.alert()
    yard.land({})
    yard.watcher.look()
    yard.deliver(yard.dispatcher(attempts=1))
    assert "sealed under another key" in yard.notices()[0]["error"]


def test_a_defect_of_one_notice_does_not_keep_the_others(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up like any other failure."""

    def broken(*_: Any) -> Any:
        raise ValueError("a mistake")

    monkeypatch.setattr(module, "message_of", broken)
    yard.webhook(f"http://127.0.0.1:{free_port()}")
    yard.alert()
    yard.land({})
    yard.watcher.look()
    yard.deliver(yard.dispatcher(attempts=1))
    assert "a defect" in yard.notices()[0]["error"]
