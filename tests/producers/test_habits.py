from __future__ import annotations

from dataclasses import replace
from datetime import date
from random import Random

import pytest

from trailhouse.producers.event import AuditEvent
from trailhouse.producers.habits import ADMIN, ADMIN_PAGES, LOOKS, WEIGHTS, choices, details
from trailhouse.producers.roster import hire

PERSON = hire(Random(1), 1, date(2026, 1, 1), date(2026, 2, 1))[0]
ACTIONS = sorted({action for weights in (*WEIGHTS.values(), ADMIN) for action in weights})


@pytest.mark.parametrize("action", ACTIONS)
def test_details_of_every_action_make_a_valid_event(action: str) -> None:
    """Whatever luck brings, the contract takes it."""
    for seed in range(50):
        AuditEvent.new(action, org_id="acme", **details(Random(seed), action, is_admin=bool(seed % 2)))


def test_viewers_only_look_and_admins_do_more() -> None:
    """A role changes what a person may do, not only its name."""
    for trade in WEIGHTS:
        person = replace(PERSON, trade=trade)
        member = set(choices(replace(person, role="member"))[0])
        assert set(choices(replace(person, role="viewer"))[0]) == member & LOOKS
        assert set(choices(replace(person, role="admin"))[0]) == member | set(ADMIN)


def test_only_admins_see_the_settings() -> None:
    """Popular pages differ between members and admins."""
    pages = {
        is_admin: {
            details(Random(seed), "page:view", is_admin=is_admin)["attributes"]["page"] for seed in range(300)
        }
        for is_admin in (False, True)
    }
    assert pages[True] & set(ADMIN_PAGES)
    assert not pages[False] & set(ADMIN_PAGES)


def test_a_batch_says_how_many_it_stands_for() -> None:
    """`_many` actions carry a count."""
    assert details(Random(1), "run:delete_many")["attributes"]["runs"] >= 2
