"""Entities and data sources: what exists at the moment, and what became of the rest."""

from __future__ import annotations

from typing import Any, Final

from trailhouse.producers.habits import BLUEPRINTS, DATA_SOURCES
from trailhouse.producers.simulation.luck import Luck

Fields = dict[str, Any]
REBORN: Final = 0.15
"""part of the entities made that bear the id of one that was deleted"""
REMEMBERED: Final = 500
"""so many deleted ids may come back"""


class Things:
    """The entities (blueprint, id, data source) and data sources (type, number) of one organisation.

    What is created, changed or deleted is drawn from `luck`; a deed that failed (`is_done` false) changes nothing. At
    most `entities_max` entities exist at a time.
    """

    def __init__(self, luck: Luck, entities_max: int) -> None:
        self._luck, self._max = luck, entities_max
        self.entities: list[tuple[str, str, str]] = []
        self.data_sources: list[tuple[str, int]] = []
        self._gone: list[tuple[str, str, str]] = []
        self._gone_sources: list[tuple[str, int]] = []
        self._made = 0
        self._sources_made = 0

    def create_entity(self, *, is_done: bool) -> Fields | None:
        """A new entity, or one that was deleted; None where it cannot be: no data source, no room."""
        luck = self._luck
        if not self.data_sources or len(self.entities) >= self._max:
            return None
        if self._gone and luck.random() < REBORN:
            entity = self._gone.pop() if is_done else self._gone[-1]
        else:
            self._made += 1
            blueprint = luck.pick(BLUEPRINTS)
            entity = blueprint, f"{blueprint}-{self._made}", source_id(luck.pick(self.data_sources))
        if is_done:
            self.entities.append(entity)
        return _entity(entity)

    def update_entity(self) -> Fields | None:
        """One that exists; None where none does."""
        return _entity(self._luck.pick(self.entities)) if self.entities else None

    def delete_entity(self, *, is_done: bool) -> Fields | None:
        """One that exists, for the last time or until it is made again; None where none does."""
        if not self.entities:
            return None
        place = int(self._luck.random() * len(self.entities))
        entity = self.entities[place]
        if is_done:
            last = self.entities.pop()
            if place < len(self.entities):
                self.entities[place] = last
            if len(self._gone) < REMEMBERED:
                self._gone.append(entity)
        return _entity(entity)

    def create_data_source(self, *, is_done: bool) -> Fields:
        """A new one, or one that was removed before."""
        if self._gone_sources and self._luck.random() < REBORN:
            source = self._gone_sources.pop() if is_done else self._gone_sources[-1]
        else:
            self._sources_made += 1
            source = self._luck.pick(DATA_SOURCES), self._sources_made
        if is_done:
            self.data_sources.append(source)
        return _source(source)

    def update_data_source(self) -> Fields | None:
        """One that exists; None where none does."""
        return _source(self._luck.pick(self.data_sources)) if self.data_sources else None

    def delete_data_source(self, *, is_done: bool) -> Fields | None:
        """One that exists; None where fewer than three do, so that something is left to fill."""
        if len(self.data_sources) < 3:
            return None
        source = self._luck.pick(self.data_sources)
        if is_done:
            self.data_sources.remove(source)
            self._gone_sources.append(source)
        return _source(source)


def source_id(source: tuple[str, int]) -> str:
    """`ds-github-3`."""
    return f"ds-{source[0]}-{source[1]}"


def _entity(entity: tuple[str, str, str]) -> Fields:
    blueprint, name, source = entity
    return {
        "source": "api",
        "attributes": {"entity": name, "blueprint": blueprint, "data_source": source},
    }


def _source(source: tuple[str, int]) -> Fields:
    kind, number = source
    return {
        "source": "web",
        "attributes": {"data_source": source_id(source), "type": kind, "name": f"{kind} {number}"},
    }
