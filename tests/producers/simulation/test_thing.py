from __future__ import annotations

from typing import Any

from trailhouse.producers.simulation.luck import Luck
from trailhouse.producers.simulation.thing import Things


def a_things(entities_max: int = 50) -> Things:
    things = Things(Luck("t"), entities_max)
    for _ in range(4):
        things.create_data_source(is_done=True)
    return things


def name(fields: dict[str, Any] | None) -> str:
    assert fields is not None
    return str(fields["attributes"]["entity"])


def test_entities_are_told_by_id_blueprint_and_data_source() -> None:
    """The words that reports know; data sources have a type and a name."""
    things = a_things()
    made = things.create_entity(is_done=True)
    assert made is not None
    assert set(made["attributes"]) == {"entity", "blueprint", "data_source"}
    source = things.update_data_source()
    assert source is not None
    assert set(source["attributes"]) == {"data_source", "type", "name"}


def test_what_was_deleted_is_gone_until_it_is_made_again() -> None:
    """A life of many deeds: only what exists is changed or deleted, only what does not is made; some come back."""
    things, luck = a_things(), Luck("deeds")
    exists: set[str] = set()
    gone: set[str] = set()
    back = 0
    for _ in range(3000):
        deed = luck.within(0, 2)
        if deed == 0 and (made := things.create_entity(is_done=True)) is not None:
            assert name(made) not in exists
            back += name(made) in gone
            exists.add(name(made))
        elif deed == 1 and exists:
            assert name(things.update_entity()) in exists
        elif deed == 2 and exists:
            exists.remove(name(removed := things.delete_entity(is_done=True)))
            gone.add(name(removed))
        assert len(exists) == len(things.entities) <= 50
    assert back > 20


def test_what_failed_changes_nothing() -> None:
    """An attempt names what it was about, no more."""
    things = a_things()
    assert things.create_entity(is_done=False)
    assert things.entities == []
    things.create_entity(is_done=True)
    assert things.delete_entity(is_done=False)
    assert len(things.entities) == 1
    things.create_data_source(is_done=False)
    things.delete_data_source(is_done=False)
    assert len(things.data_sources) == 4


def test_what_is_not_there_cannot_be_touched() -> None:
    """No data source, no entities; the last two data sources stay."""
    things = Things(Luck("t"), 50)
    assert things.create_entity(is_done=True) is None
    assert things.update_entity() is things.delete_entity(is_done=True) is things.update_data_source() is None
    things = a_things()
    while things.delete_data_source(is_done=True):
        pass
    assert len(things.data_sources) == 2
