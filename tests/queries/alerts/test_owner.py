"""Alerts speak as long as whoever answers for them may administer their organisation."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.queries.alerts.receivers import receiving
from tests.queries.alerts.yard import Yard
from tests.queries.keyring import give

from trailhouse.queries.alerts.alert import Alert
from trailhouse.queries.alerts.desk import By
from trailhouse.queries.alerts.owner import Stop, key_of, may_see_people, stop_of
from trailhouse.queries.key import Key, Scope, new_key
from trailhouse.queries.key_table import add_keys, revoke_keys
from trailhouse.queries.self_audit import Who

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def made_key(*scopes: Scope, life: timedelta | None = None) -> Key:
    return new_key("demo", ["acme", "beta"], scopes or (Scope.ADMIN,), now=NOW, life=life)[0]


@pytest.mark.parametrize(
    ("change", "hours", "why"),
    [
        ({}, 47, None),
        ({"revoked_at": NOW + timedelta(days=1)}, 0, "was revoked on 2026-03-03"),
        ({}, 48, "expired on 2026-03-04"),
        ({"orgs": frozenset({"beta"})}, 0, "is no longer for acme"),
        ({"orgs": None}, 0, None),
        ({"scopes": frozenset({Scope.AUDIT_READ})}, 0, "administers no more"),
    ],
    ids=["good", "revoked", "expired", "narrowed", "everywhere", "demoted"],
)
def test_a_key_that_is_no_longer_good_stops_its_alerts(
    change: dict[str, object], hours: int, why: str | None
) -> None:
    """Each reason says when or what; people are then named no more, either."""
    key = replace(made_key(life=timedelta(days=2)), **change)  # type: ignore[arg-type] # fields of a key
    alert = Alert("acme", "al_1", "A", "event", ("ch_1",), created_by=f"key:{key.key_id}")
    keys, now = {key.key_id: key}, NOW + timedelta(hours=hours)
    assert stop_of(alert, keys, now) == (None if why is None else Stop(f"its key {key.key_id} {why}"))
    assert may_see_people(alert, keys, now) is (why is None)


def test_who_holds_no_key_answers_for_their_alerts_themselves() -> None:
    """The operator for good, and with people's names; a person of the provider without; an unknown key may yet come."""
    operators = Alert("acme", "al_1", "A", "event", (), created_by="operator:ann")
    persons = replace(operators, created_by="key:oidc:0123456789abcdef01234567")
    strange = replace(operators, changed_by="key:0123456789ab")
    assert (key_of(operators), key_of(persons), key_of(strange)) == ("", "", "0123456789ab")
    assert [stop_of(each, {}, NOW) for each in (operators, persons)] == [None, None]
    assert [may_see_people(each, {}, NOW) for each in (operators, persons, strange)] == [True, False, False]
    assert stop_of(strange, {}, NOW) == Stop("its key 0123456789ab is not known", is_final=False)


def test_a_revoked_keys_alert_is_delivered_no_more_until_somebody_takes_it_over(yard: Yard) -> None:
    """What waits is given up and says why; what comes meanwhile is not told later; then it speaks again."""
    operator = yard.by
    key, _ = give(yard.client, [yard.org], [Scope.ADMIN])
    yard.by = By(Who.of_key(key), f"key:{key.key_id}", read_pii=True)
    with receiving() as receiver:
        yard.webhook(receiver.url)
        alert = yard.alert(quiet="0")
        dispatcher = yard.dispatcher()
        yard.land({"action": "first:thing"})
        yard.watcher.look()
        revoke_keys(yard.client, [key.key_id], datetime.now(UTC))
        yard.deliver(dispatcher)
        yard.land({"action": "second:thing"})
        yard.watcher.look()
        yard.deliver(dispatcher)
        assert receiver.requests == []
        (row,) = yard.desk.alerts(yard.org)
        assert row["state"] == "stopped"
        assert row["stopped"].startswith(f"its key {key.key_id} was revoked on 20")
        assert yard.metrics.stopped._value.get() == 1
        (notice,) = yard.notices()
        assert (notice["status"], notice["error"]) == ("dead", row["stopped"])

        assert yard.desk.take_over(yard.org, operator, alert)["stopped"] is None
        yard.now += 1
        yard.land({"action": "third:thing"})
        yard.watcher.look()
        yard.deliver(dispatcher)
        assert [each["action"] for each in receiver.requests[0].json["data"]["events"]] == ["third:thing"]
    assert len(receiver.requests) == 1
    assert yard.metrics.stopped._value.get() == 0
    assert yard.recorded.take()[-1]["attributes"]["changed"] == "owner"


def test_an_alert_of_a_key_that_is_not_known_yet_waits_for_it(yard: Yard) -> None:
    """A replica that is behind makes no notice be lost."""
    key = new_key("late", [yard.org], [Scope.ADMIN], now=datetime.now(UTC))[0]
    yard.by = By(Who.of_key(key), f"key:{key.key_id}", read_pii=True)
    with receiving() as receiver:
        yard.webhook(receiver.url)
        yard.alert()
        yard.land({})
        yard.watcher.look()
        assert yard.notices() == []
        add_keys(yard.client, [key])
        yard.watcher.look()
        yard.deliver(yard.dispatcher())
        assert len(receiver.requests) == 1
