from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from trailhouse.queries.standing import SEMANTICS, Status, last_active_cell, status_of

EDGE = datetime(2025, 9, 16, tzinfo=UTC)
BEFORE, AFTER = EDGE - timedelta(milliseconds=1), EDGE


@pytest.mark.parametrize(
    ("is_revoked", "invitation", "last_active", "status"),
    [
        (True, "sent", None, Status.DEACTIVATED),
        (True, "accepted", AFTER, Status.DEACTIVATED),
        (False, "sent", None, Status.INVITE_PENDING),
        (False, "sent", AFTER, Status.ACTIVE),
        (False, "accepted", None, Status.NEVER_ACTIVE),
        (False, "withdrawn", None, Status.NEVER_ACTIVE),
        (False, "", None, Status.NEVER_ACTIVE),
        (False, "accepted", AFTER, Status.ACTIVE),
        (False, "accepted", BEFORE, Status.DORMANT),
        (False, "", BEFORE, Status.DORMANT),
    ],
)
def test_each_status_has_one_meaning(
    is_revoked: bool, invitation: str, last_active: datetime | None, status: Status
) -> None:
    """Revoked access comes first, then activity, then the invitation."""
    assert status is status_of(
        is_revoked=is_revoked, invitation=invitation, last_active=last_active, active_since=EDGE
    )


def test_where_nothing_goes_stale_nobody_is_dormant() -> None:
    """On W&B's shared cloud a time stays a time (WS2)."""
    assert status_of(is_revoked=False, invitation="", last_active=BEFORE, active_since=None) is Status.ACTIVE
    assert [each.name for each in SEMANTICS.values() if not each.has_dormant] == ["saas"]


def test_wandb_words_it_with_a_time_two_phrases_and_a_hyphen() -> None:
    """The cell of its page (WD3-WD6, WS2, WS3), beside statuses that each have a name of their own (A3)."""
    shown = {status.value: last_active_cell(status, "2026-03-01T12:00:00Z") for status in Status}
    assert shown == {
        "active": "2026-03-01T12:00:00Z",
        "dormant": "-",
        "never_active": "-",
        "invite_pending": "Invite pending",
        "deactivated": "Deactivated",
    }
    assert [status.words for status in Status] == [
        "Active",
        "Dormant",
        "Never active",
        "Invite pending",
        "Deactivated",
    ]
