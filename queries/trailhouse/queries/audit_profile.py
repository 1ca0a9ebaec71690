"""The three kinds of W&B deployment, as far as their audit logs differ (seed 002; WA2, WA10, WA12, WA17, WS4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: On SaaS nothing earlier counts: WS4, "after May 8 2025".
SAAS_EPOCH: Final = "2025-05-09 00:00:00.000"
#: The attribute in which an event says who may see its project.
VISIBILITY: Final = "project_visibility"
_NOT_ON_SAAS: Final = (
    "event.action != 'report:read'"
    f" AND lower(event.attributes['{VISIBILITY}']) NOT IN ('open', 'public')"
    f" AND event.occurred_at >= toDateTime64('{SAAS_EPOCH}', 3, 'UTC')"
)


@dataclass(frozen=True, slots=True)
class Profile:
    """What the audit log of one kind of deployment holds, and who gets it how.

    `collected`: SQL over a row of `events` (`event`) that is true for what is collected. `days_max`: the largest
    `numDays`, None = any. `is_anonymisable`: whether `anonymize` means anything, and whether those who may not see
    people get the log without them; otherwise they get nothing. `needs_plan`: only organisations on the Enterprise
    plan have an audit log. `has_bucket`: whether a copy is synced to a bucket of the customer's.
    """

    name: str
    collected: str = "1"
    days_max: int | None = None
    is_anonymisable: bool = True
    needs_plan: bool = False
    has_bucket: bool = True


PROFILES: Final[Mapping[str, Profile]] = {
    profile.name: profile
    for profile in (
        Profile(
            "saas",
            # The third rule of WA17 holds by itself: an event that names no organisation is rejected by the stream.
            collected=_NOT_ON_SAAS,
            days_max=7,
            is_anonymisable=False,
            needs_plan=True,
            has_bucket=False,
        ),
        Profile("dedicated"),
        Profile("self_managed"),
    )
}
