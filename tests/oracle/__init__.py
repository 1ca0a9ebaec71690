"""The reports' answers by brute force: plain Python over event dicts, one event at a time, nothing shared with the SQL.

A module for each area; `events` has what they share.
"""

from tests.oracle.activity import (
    active_users,
    events_by_action,
    most_active_users,
    users_active_over_time,
    weekly_active_users,
)
from tests.oracle.events import Event, Window, activity, distinct, identity, local_date, week_of, when

__all__ = [
    "Event",
    "Window",
    "active_users",
    "activity",
    "distinct",
    "events_by_action",
    "identity",
    "local_date",
    "most_active_users",
    "users_active_over_time",
    "week_of",
    "weekly_active_users",
    "when",
]
