from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from trailhouse.producers.actions import CATALOGUE
from trailhouse.producers.event import AuditEvent
from trailhouse.producers.habits import ADMIN, ADMIN_PAGES, LOOKS, WEIGHTS
from trailhouse.producers.simulation.deed import DEEDS, details, work_of
from trailhouse.producers.simulation.luck import Luck
from trailhouse.producers.simulation.machine import DUTIES, build
from trailhouse.producers.simulation.member import hire
from trailhouse.producers.simulation.scene import Scene

FIRST = date(2026, 1, 1)


def a_scene(seed: str = "x") -> Scene:
    scene = Scene.at_first(Luck(seed), hire("s", "1/acme", 20, FIRST, FIRST), list(build("s", 20, FIRST, 1)))
    for _ in range(4):
        scene.things.create_data_source(is_done=True)
        scene.things.create_entity(is_done=True)
    return scene


@pytest.mark.parametrize("action", sorted(DEEDS))
def test_every_deed_is_known_and_makes_a_valid_event(action: str) -> None:
    """Whatever luck brings, by people with and without a key and by machines, done or not."""
    assert action in CATALOGUE
    scene = a_scene()
    scene.staff[1].key = "key_1"
    for turn in range(60):
        actor: Any = (scene.staff[0], scene.staff[1], scene.machines[1])[turn % 3]
        fields = DEEDS[action](scene, actor, turn % 5 > 0)
        if fields is not None:
            base = actor.web if fields["source"] == "web" else actor.fields
            AuditEvent.new(action, org_id="acme", **{**base, **fields})


def test_whatever_anybody_does_has_a_deed() -> None:
    """Of every role and trade, and of every machine; what is planned is nobody's daily work."""
    done = {
        action
        for trade in WEIGHTS
        for role in ("member", "viewer", "admin")
        for action in work_of(role, trade)[0]
    }
    assert done | {action for duty in DUTIES for action in duty.actions} <= set(DEEDS)
    assert "user:change_role" not in done


def test_roles_differ_in_what_they_may() -> None:
    """Viewers only look, admins administer; the sums end with 1."""
    for trade in WEIGHTS:
        actions, sums = work_of("viewer", trade)
        assert set(actions) <= LOOKS
        assert sums[-1] == 1.0
        assert list(sums) == sorted(sums)
        assert set(work_of("admin", trade)[0]) & set(ADMIN)


def pages(role: str) -> set[str]:
    scene = a_scene()
    scene.staff[0].role = role
    found = (DEEDS["page:view"](scene, scene.staff[0], True) for _ in range(500))
    return {each["attributes"]["page"] for each in found if each}


def test_only_admins_see_the_settings() -> None:
    """Popular pages differ between members and admins."""
    assert not pages("member") & set(ADMIN_PAGES)
    assert pages("admin") & set(ADMIN_PAGES)


def test_the_words_are_those_that_reports_read() -> None:
    """The attributes by which each action is counted."""
    scene = a_scene()
    person = scene.staff[0]
    person.key = "key_1"
    wanted = {
        "entity:update": {"entity", "blueprint", "data_source", "api_key_id"},
        "data_source:update": {"data_source", "type", "name"},
        "automation:trigger": {"automation"},
        "ai:invoke": {"agent_type", "tokens"},
        "mcp:call": {"tool"},
        "run:create": {"api_key_id"},
        "workspace:grant": {"workspace"},
    }
    for action, words in wanted.items():
        fields = DEEDS[action](scene, person, True)
        assert fields is not None
        assert set(fields["attributes"]) == words, action
    runs = [DEEDS["action:run"](scene, person, True) for _ in range(50)]
    assert {each["source"] for each in runs if each} == {"web", "api"}
    assert all(("api_key_id" in each["attributes"]) == (each["source"] == "api") for each in runs if each)


def test_machines_never_use_a_browser() -> None:
    """So that one that does is an incident."""
    scene = a_scene()
    found = [
        details(action, scene, machine, is_done=True)
        for machine in scene.machines
        for action in machine.duty.actions
        for _ in range(20)
    ]
    assert {each["source"] for each in found if each} == {"api", "sdk"}


def test_a_grant_is_taken_back_once() -> None:
    """Who is given access may lose it; a workspace that is gone is nobody's."""
    scene = a_scene()
    given = DEEDS["workspace:grant"](scene, scene.staff[0], True)
    taken = DEEDS["workspace:revoke"](scene, scene.staff[0], True)
    assert given == taken
    assert DEEDS["workspace:revoke"](scene, scene.staff[0], True) is None
    assert DEEDS["workspace:delete"](scene, scene.staff[0], True) is None
    DEEDS["workspace:create"](scene, scene.staff[0], True)
    gone = DEEDS["workspace:delete"](scene, scene.staff[0], True)
    assert gone is not None
    assert gone["attributes"]["workspace"] not in scene.workspaces
