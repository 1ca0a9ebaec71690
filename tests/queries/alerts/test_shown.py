"""What is shown of an alert: one word for its state, and the fields it can be changed by."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from trailhouse.queries.alerts.alert import Alert
from trailhouse.queries.alerts.change import fields_of
from trailhouse.queries.alerts.shown import Surroundings, shown_alert, text_of
from trailhouse.queries.key import Scope, new_key

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEY = replace(new_key("demo", ["acme"], [Scope.ADMIN], now=NOW)[0], revoked_at=NOW)
ALERT = Alert("acme", "al_1", "A", "event", ("ch_1", "ch_2"), created_by="operator:ann", created_at=NOW)


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({}, "active"),
        ({"alert_id": "al_2"}, "failing"),
        ({"alert_id": "al_2", "muted_until": NOW + timedelta(hours=1)}, "muted"),
        ({"muted_until": NOW}, "active"),
        ({"muted_until": NOW + timedelta(hours=1), "is_paused": True}, "paused"),
        ({"is_paused": True, "changed_by": f"key:{KEY.key_id}"}, "stopped"),
    ],
    ids=["active", "failing", "muted", "muted until now", "paused", "stopped"],
)
def test_the_state_is_what_must_be_mended_first(change: dict[str, Any], state: str) -> None:
    """An alert whose key is gone is stopped, whatever else it is; only then there is a reason."""
    around = Surroundings({("al_2", "dead"): 1}, {"ch_1": "hook"}, {KEY.key_id: KEY}, NOW)
    alert = replace(ALERT, **change)
    shown = shown_alert(alert, around)
    assert shown["state"] == state
    assert (shown["stopped"] is not None) is (state == "stopped")
    assert [each["name"] for each in shown["channels"]] == ["hook", "deleted"]
    assert shown["definition"] == fields_of(alert)
    assert shown["owner"] == alert.owner


def test_a_time_is_shown_to_the_second() -> None:
    """In UTC."""
    assert (text_of(None), text_of(NOW)) == (None, "2026-03-02T09:00:00Z")
