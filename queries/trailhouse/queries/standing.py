"""How somebody stands in an organisation: five statuses with one meaning each, and how W&B's pages word them.

W&B shows a time, two phrases and a hyphen, and the hyphen means one thing on its dedicated servers (WD6) and another
on its shared cloud (WS3). Here a status has a name of its own; the hyphen is only ever shown beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

HYPHEN: Final = "-"


class Status(StrEnum):
    """Where a person stands, in the order in which a list sorted by it shows them."""

    ACTIVE = "active"
    """has been active; the time of it goes with the status"""
    DORMANT = "dormant"
    """has been active, but not in the last six months"""
    NEVER_ACTIVE = "never_active"
    """belongs to the organisation and has never been active in it"""
    INVITE_PENDING = "invite_pending"
    """was invited and has not accepted yet"""
    DEACTIVATED = "deactivated"
    """an admin revoked the access, whatever was done before"""

    @property
    def words(self) -> str:
        """For a cell that people read: `Invite pending`."""
        return self.value.replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True)
class Semantics:
    """What one kind of deployment calls active: from when on activity counts, and whether it goes stale (WD6)."""

    name: str
    since: datetime | None = None
    has_dormant: bool = True


SELF_MANAGED: Final = Semantics("self_managed")
SEMANTICS: Final = {
    each.name: each
    for each in (
        # "after May 8 2025" (WS4): earlier activity never counts.
        Semantics("saas", since=datetime(2025, 5, 9, tzinfo=UTC), has_dormant=False),
        Semantics("dedicated"),
        SELF_MANAGED,
    )
}


def status_of(
    *, is_revoked: bool, invitation: str, last_active: datetime | None, active_since: datetime | None
) -> Status:
    """The status of somebody whose latest activity was at `last_active`, None = there was none.

    `invitation` is sent, accepted, withdrawn or ''. Whoever was active before `active_since` alone is dormant, None =
    nobody is. Whoever acts has accepted, whether an event said so or not.
    """
    if is_revoked:
        return Status.DEACTIVATED
    if last_active is not None:
        is_stale = active_since is not None and last_active < active_since
        return Status.DORMANT if is_stale else Status.ACTIVE
    return Status.INVITE_PENDING if invitation == "sent" else Status.NEVER_ACTIVE


def last_active_cell(status: Status, last_active: str) -> str:
    """What W&B's column Last Active shows: a time, `Invite pending`, `Deactivated` or `-` (WD3-WD6, WS2, WS3)."""
    if status is Status.ACTIVE:
        return last_active
    return status.words if status in {Status.INVITE_PENDING, Status.DEACTIVATED} else HYPHEN
