"""How the three kinds of deployment differ."""

from __future__ import annotations

from datetime import UTC, date, datetime
from random import Random
from typing import Any

from tests.queries.auditing import entry, imagine, store
from tests.queries.test_audit_read import entries

from trailhouse.queries.audit_profile import PROFILES
from trailhouse.queries.audit_read import Selection, read_days
from trailhouse.queries.audit_window import Window
from trailhouse.sinks.clickhouse import Client


def test_the_matrix_is_w_and_bs() -> None:
    """Who has a bucket, needs the Enterprise plan, can anonymise, is held to seven days (WA2, WA10, WA12)."""
    matrix = {
        name: (each.has_bucket, each.needs_plan, each.is_anonymisable, each.days_max)
        for name, each in PROFILES.items()
    }
    assert matrix == {
        "saas": (False, True, False, 7),
        "dedicated": (True, False, True, None),
        "self_managed": (True, False, True, None),
    }


def test_saas_leaves_out_what_it_never_collects(database: Client) -> None:
    """`report:read`, open and public projects, and everything up to 2025-05-08 (WA17, WS4); the others have it all."""
    base = imagine(Random(5), 7, day=datetime(2025, 5, 6, tzinfo=UTC))
    moment = "2025-05-09T00:00:00.000Z"
    changes: tuple[dict[str, Any], ...] = (
        {"action": "report:read", "occurred_at": moment},
        {"attributes": {"project_visibility": "Public"}, "occurred_at": moment},
        {"attributes": {"project_visibility": "open"}, "occurred_at": moment},
        {"occurred_at": "2025-05-08T23:59:59.999Z"},
        {"attributes": {"project_visibility": "team"}, "occurred_at": "2025-05-09T00:00:01.000Z"},
        {"action": "user:login", "occurred_at": "2025-05-09T00:00:02.000Z"},
        {"action": "report:create", "occurred_at": "2025-05-09T00:00:03.000Z"},
    )
    events = [
        event | {"action": "artifact:read"} | change for event, change in zip(base, changes, strict=True)
    ]
    store(database, events)
    window = Window(date(2025, 5, 1), date(2025, 5, 30))
    kept = {}
    for name, profile in PROFILES.items():
        selection = Selection("acme", window, read_pii=True, collected=profile.collected)
        kept[name] = entries(b"".join(read_days(database, selection, "ndjson")))
    assert kept["saas"] == [entry(event) for event in events[4:]]
    assert len(kept["dedicated"]) == len(kept["self_managed"]) == 7
