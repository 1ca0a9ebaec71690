from __future__ import annotations

from collections import defaultdict

from tests.producers.simulation.world import PLAN, happened

from trailhouse.producers.simulation import Simulation
from trailhouse.producers.simulation.luck import Luck
from trailhouse.producers.simulation.rotation import new_key


def test_an_id_tells_nobody_whose_key_it_is() -> None:
    """It stands in attributes, where no personal data may be."""
    assert new_key(Luck("x")).startswith("key_")
    owners = {event.get("actor_user_id") for event in happened()}
    keys = {
        event["attributes"]["api_key_id"]
        for event in happened()
        if "api_key_id" in event.get("attributes", {})
    }
    assert len(keys) > 30
    assert not any(owner and owner in key for key in keys for owner in owners)


def test_a_key_is_used_by_one_and_only_while_it_lives() -> None:
    """Never before it was made, never after it was deleted, but for the incidents that are planned to do so."""
    planned = {each for incident in Simulation(PLAN).incidents() for each in incident.event_ids}
    made: dict[str, int] = {}
    deleted: set[str] = set()
    users: defaultdict[str, set[str]] = defaultdict(set)
    for place, event in enumerate(happened()):
        key = event.get("attributes", {}).get("api_key_id")
        if not key:
            continue
        if event["action"] == "user:create_api_key":
            assert key not in users
            made[key] = place
        elif event["action"] == "user:delete_api_key":
            assert key not in deleted
            deleted.add(key)
        elif event["event_id"] not in planned:
            assert key not in deleted
            users[key].add(f"{event['org_id']} {event['actor_user_id']}")
    assert all(len(each) == 1 for each in users.values())
    assert len(made) > 20
    assert deleted & set(users)
    assert set(made) & set(users)
