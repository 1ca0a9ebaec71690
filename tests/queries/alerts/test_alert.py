"""What an alert may be, and how it is kept."""

from __future__ import annotations

from typing import Any

import pytest

from trailhouse.queries.alerts.alert import Alert, read_alert, read_span, span
from trailhouse.queries.errors import BadParameter, UnknownParameter

GOOD: dict[str, Any] = {"name": "Failed sign-ins", "channels": ["ch_1"]}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "any event"),
        (
            {"action": "user:*", "outcome": "denied", "group_by": "actor"},
            "action=user:* outcome=denied by actor",
        ),
        ({"kind": "absence", "action": "backup:create", "window": "25h"}, "no action=backup:create for 25h"),
        ({"kind": "threshold", "window": "5m", "above": "20"}, "any event above 20 within 5m"),
        ({"kind": "threshold", "window": "1h", "below": 3, "quiet": "0"}, "any event below 3 within 1h"),
        (
            {
                "kind": "threshold",
                "report": "active_users",
                "figure": "active_users",
                "last": "7d",
                "above": 1000,
            },
            "active_users.active_users above 1000 over the last 7d",
        ),
    ],
)
def test_an_alert_says_when_it_speaks_and_is_kept_whole(given: dict[str, Any], says: str) -> None:
    """Read, written as a definition and restored it is the same."""
    alert = read_alert({**GOOD, **given}, org="acme", alert_id="al_1", start="x")
    assert alert.says == says
    assert Alert.restored(alert.definition(), org="acme", alert_id="al_1", name=alert.name) == alert


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": 3}, "name"),
        ({"kind": "often"}, "kind"),
        ({"actor": "mia@example.org"}, "actor"),
        ({"target": "mia"}, "target"),
        ({"outcome": "perhaps"}, "outcome"),
        ({"group_by": "actor_email"}, "group_by"),
        ({"window": "5m"}, "window"),
        ({"above": 3}, "kind"),
        ({"kind": "threshold", "window": "5m"}, "above"),
        ({"kind": "threshold", "window": "5m", "above": 1, "below": 2}, "above"),
        ({"kind": "threshold", "window": "5m", "above": True}, "above"),
        ({"kind": "threshold", "window": "5m", "above": "nan"}, "above"),
        ({"kind": "threshold", "above": 1}, "window"),
        ({"kind": "threshold", "report": "active_users", "above": 1}, "figure"),
        ({"kind": "threshold", "report": "r", "figure": "f", "above": 1, "action": "a"}, "report"),
        ({"kind": "absence"}, "window"),
        ({"kind": "absence", "window": "40d"}, "window"),
        ({"quiet": "soon"}, "quiet"),
        ({"rate": 0}, "rate"),
        ({"rate": 2.5}, "rate"),
        ({"channels": []}, "channels"),
        ({"channels": [1]}, "channels"),
        ({"with_pii": "perhaps"}, "with_pii"),
    ],
)
def test_what_no_alert_can_be_is_refused_by_name(given: dict[str, Any], name: str) -> None:
    """People by name among it: a definition keeps no personal data."""
    with pytest.raises(BadParameter) as caught:
        read_alert({**GOOD, **given}, org="acme", alert_id="al_1")
    assert caught.value.name == name


def test_a_misspelled_field_is_refused() -> None:
    """Passed over, it would make another alert than was meant."""
    with pytest.raises(UnknownParameter):
        read_alert({**GOOD, "actoin": "x"}, org="acme", alert_id="al_1")


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("2h", 7200), ("7d", 604800), ("0", 0)]
)
def test_times_are_read_as_they_are_written(text: str, seconds: int) -> None:
    """In the largest unit that fits."""
    assert read_span("x", text, 0, 10**6) == seconds
    assert span(seconds) == text
