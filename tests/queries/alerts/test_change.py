"""What becomes of an alert that is changed, and of what it has counted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.queries.alerts.yard import Yard

from trailhouse.queries.alerts.alert import FIELDS, Alert, read_alert
from trailhouse.queries.alerts.change import changed, fields_of
from trailhouse.queries.errors import BadParameter, UnknownParameter

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
WEBHOOK = "https://hooks.example.org/x"
GIVEN: dict[str, Any] = {
    "name": "Many",
    "kind": "threshold",
    "action": "user:login",
    "window": "5m",
    "above": 3,
    "group_by": "actor",
    "channels": ["ch_1"],
}


def made(**given: Any) -> Alert:
    more: Any = {"created_by": "key:0123456789ab", "created_at": NOW, "start": "cursor"}
    return read_alert({**GIVEN, **given}, org="acme", alert_id="al_1", **more)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"kind": "absence", "above": "", "group_by": ""},
        {
            "kind": "event",
            "above": "",
            "window": "",
            "q": "x",
            "quiet": "0",
            "with_pii": True,
            "paused": True,
        },
        {"action": "", "window": "", "group_by": "", "report": "r", "figure": "f", "last": "7d", "rate": 5},
    ],
    ids=["threshold", "absence", "event", "report"],
)
def test_an_alert_is_its_fields(given: dict[str, Any]) -> None:
    """Read again they make the same alert, so a change touches nothing that is not named."""
    alert = made(**given)
    assert fields_of(alert).keys() == FIELDS.keys()
    after, names = changed(alert, fields_of(alert), "operator:ann", NOW)
    assert (after, names) == (alert, [])
    kept = {"org": "acme", "alert_id": "al_1", "name": alert.name}
    assert fields_of(Alert.restored(alert.definition(), **kept)) == fields_of(alert)


@pytest.mark.parametrize(
    ("given", "names", "is_turned", "owner"),
    [
        ({"name": "More"}, ["name"], False, "operator:ann"),
        ({"above": "5"}, ["above"], True, "operator:ann"),
        ({"above": None, "below": 2}, ["above", "below"], True, "operator:ann"),
        ({"paused": True}, ["paused"], False, "key:0123456789ab"),
        ({"kind": "event"}, ["kind", "window", "above"], True, "operator:ann"),
        ({"kind": "absence", "window": "1h"}, ["kind", "window", "above"], True, "operator:ann"),
        ({"above": 3.0, "name": "Many"}, [], False, "key:0123456789ab"),
    ],
    ids=["name", "bound", "other bound", "pause", "to an event", "to an absence", "nothing"],
)
def test_what_is_named_becomes_so_and_who_changes_it_answers_for_it(
    given: dict[str, Any], names: list[str], is_turned: bool, owner: str
) -> None:
    """Pausing alone makes nobody answer; only another condition begins anew."""
    after, found = changed(made(), given, "operator:ann", NOW)
    assert found == names
    assert (after.turned_ms > 0) is is_turned
    assert (after.owner, after.created_by, after.start) == (owner, "key:0123456789ab", "cursor")
    assert Alert.restored(after.definition(), org="acme", alert_id="al_1", name=after.name).changed_by == (
        after.changed_by
    )


@pytest.mark.parametrize(
    ("given", "raised"),
    [
        ({"colour": "red"}, UnknownParameter),
        ({"above": None}, BadParameter),
        ({"name": ""}, BadParameter),
        ({"channels": []}, BadParameter),
        ({"kind": "threshold", "report": "r"}, BadParameter),
    ],
    ids=["unknown field", "no bound", "no name", "nowhere", "half a report"],
)
def test_what_cannot_be_is_refused_as_when_it_is_made(given: dict[str, Any], raised: type[Exception]) -> None:
    """A change is checked as a whole."""
    with pytest.raises(raised):
        changed(made(), given, "operator:ann", NOW)


def test_a_changed_condition_counts_anew_and_nothing_held_back_is_lost(yard: Yard) -> None:
    """What the old condition had counted does not make the new one speak; what it held back comes as a digest."""
    yard.webhook(WEBHOOK)
    alert = yard.alert(action="user:login", quiet="1h")
    yard.land({}, {})
    yard.watcher.look()
    yard.land({}, {}, {})
    yard.watcher.look()
    shown = yard.desk.edit(
        yard.org, yard.by, alert, {"kind": "threshold", "window": "10m", "above": 2, "quiet": "0"}
    )
    assert shown["says"] == "action=user:login above 2 within 10m"
    yard.now += 5
    yard.land({}, {})
    yard.watcher.look()
    assert [(each["kind"], each["count"]) for each in yard.notices()] == [("event", 2)]
    yard.land({})
    yard.watcher.look()
    yard.now += 3_600
    yard.watcher.look()
    found = {(each["kind"], each["count"]) for each in yard.notices()}
    assert found == {("event", 2), ("threshold", 3), ("digest", 3)}


def test_silence_is_judged_from_the_change_on(yard: Yard) -> None:
    """An hour without backups begins when somebody asked for it, not when the alert was made."""
    yard.webhook(WEBHOOK)
    alert = yard.alert(action="backup:create")
    yard.land({})
    yard.watcher.look()
    yard.now += 7_200
    yard.desk.edit(yard.org, yard.by, alert, {"kind": "absence", "window": "1h"})
    yard.watcher.look()
    assert yard.notices() == []
    yard.now += 3_601
    yard.watcher.look()
    assert [each["kind"] for each in yard.notices()] == ["absence"]


def test_a_reports_alert_turned_to_events_reads_from_now_on(yard: Yard) -> None:
    """Not what was stored while it asked its report."""
    yard.webhook(WEBHOOK)
    figure = {
        "kind": "threshold",
        "report": "events_by_action",
        "figure": "events",
        "last": "7d",
        "above": 1000,
    }
    alert = yard.alert(**figure)
    yard.land({}, {})
    yard.watcher.look()
    yard.desk.edit(yard.org, yard.by, alert, {"kind": "event"})
    yard.land({})
    yard.watcher.look()
    assert [each["count"] for each in yard.notices()] == [1]


def test_a_paused_alert_says_nothing_and_later_nothing_of_it(yard: Yard) -> None:
    """Until it is resumed."""
    yard.webhook(WEBHOOK)
    alert = yard.alert(quiet="0")
    assert yard.desk.edit(yard.org, yard.by, alert, {"paused": True})["state"] == "paused"
    yard.land({})
    yard.watcher.look()
    assert yard.desk.edit(yard.org, yard.by, alert, {"paused": False})["state"] == "active"
    yard.land({}, {})
    yard.watcher.look()
    assert [each["count"] for each in yard.notices()] == [2]
