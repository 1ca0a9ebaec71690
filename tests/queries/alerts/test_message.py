"""What a notification says."""

from __future__ import annotations

from typing import Any

import pytest

from trailhouse.queries.alerts.alert import read_alert
from trailhouse.queries.alerts.evaluation import Notice
from trailhouse.queries.alerts.message import message_of, personal

EVENT = {
    "event_id": "e1", "occurred_at": "2026-03-02T09:00:00.000Z", "action": "user:login", "actor": "u_00000000000000aa",
    "outcome": "denied", "place": "t/0/1",
}  # fmt: skip


def alert(**given: Any) -> Any:
    return read_alert({"name": "Sign-ins", "channels": ["c"], **given}, org="acme", alert_id="al_1")


@pytest.mark.parametrize(
    ("notice", "title"),
    [
        (Notice("n", "event", 0, count=1), "Sign-ins"),
        (Notice("n", "event", 0, group="u_1", count=3), "Sign-ins · u_1: 3 events"),
        (Notice("n", "threshold", 0, count=21), "Sign-ins: 21 events"),
        (Notice("n", "threshold", 0, value=10.5), "Sign-ins: 10.5"),
        (Notice("n", "absence", 0), "Sign-ins: nothing came"),
        (Notice("n", "digest", 0, count=7), "Sign-ins: 7 more, held back to keep it short"),
        (Notice("n", "test", 0), "Test of Sign-ins: notifications arrive"),
    ],
)
def test_the_title_says_it_in_one_line(notice: Notice, title: str) -> None:
    """Each kind in its own words."""
    assert message_of(alert(), notice, "").title == title


def test_a_message_names_people_only_by_what_it_is_given() -> None:
    """The notice knows hashes; names come apart, and replace them."""
    notice = Notice("n", "event", 1_772_442_000_000, count=9, events=(EVENT,))
    masked = message_of(alert(action="user:*"), notice, "https://t.example.org/")
    assert "u_00000000000000aa" in masked.to_text()
    assert masked.url == "https://t.example.org/org/dashboard/log?org=acme&action=user%3A%2A"
    assert "9 events in all" in masked.to_text()
    named = message_of(
        alert(), notice, "", personal([EVENT | {"actor": "mia@example.org", "actor_ip": "192.0.2.1"}])
    )
    assert "mia@example.org" in named.to_text()
    assert named.to_dict()["data"]["events"][0]["actor_ip"] == "192.0.2.1"
    assert named.to_dict()["type"] == "alert.event"
    assert "mia" not in str(masked.to_dict())


def test_no_text_of_an_event_makes_another_line() -> None:
    """Or a message without end."""
    notice = Notice("n", "event", 0, count=1, events=(EVENT | {"action": "a\nb\u2028c" + "x" * 900},))
    (_, line) = message_of(alert(), notice, "").lines()
    assert "\n" not in line
    group = "a\nBcc: canary@leak.example\u2028" + "x" * 900
    title = message_of(alert(group_by="entity_asset"), Notice("n", "event", 0, group=group), "").title
    assert title.isprintable()
    assert len(title) < 300
    assert "\u2028" not in line
    assert len(line) < 400


def test_a_digest_lists_the_largest_groups() -> None:
    """Ten of them."""
    notice = Notice("n", "digest", 0, count=99, groups={f"g{n:02}": n for n in range(1, 14)})
    lines = message_of(alert(), notice, "").lines()
    assert lines[1] == "13x g13"
    assert lines[-1] == "… and 3 more"
