"""The tables of who signs in, in the real engine."""

from __future__ import annotations

import time

from trailhouse.queries.guest_table import (
    CHOSEN,
    ENDED,
    add_ended,
    load_default_orgs,
    load_ended,
    set_default_org,
)
from trailhouse.sinks.clickhouse import Client


def test_what_was_ended_since_a_time_is_read_once_each(database: Client) -> None:
    """Ending twice is once; what was ended before is left out, and a day later is gone by itself."""
    now = time.time()
    add_ended(database, {"a": now, "b": now - 3_600})
    add_ended(database, {"a": now + 1})
    assert load_ended(database, now - 60) == {"a"}
    assert load_ended(database, now - 7_200) == {"a", "b"}
    add_ended(database, {"old": now - 2 * 86_400})
    database.command(f"OPTIMIZE TABLE {ENDED} FINAL")
    assert load_ended(database, 0) == {"a", "b"}


def test_the_last_choice_of_a_person_holds(database: Client) -> None:
    """And nothing is kept of whom there is nothing to say."""
    set_default_org(database, "oidc:1", "acme")
    set_default_org(database, "oidc:2", "acme")
    time.sleep(0.002)  # the table counts in milliseconds
    set_default_org(database, "oidc:1", "beta")
    set_default_org(database, "oidc:2", "")
    assert load_default_orgs(database) == {"oidc:1": "beta"}
    database.command(f"OPTIMIZE TABLE {CHOSEN} FINAL")
    assert load_default_orgs(database) == {"oidc:1": "beta"}
