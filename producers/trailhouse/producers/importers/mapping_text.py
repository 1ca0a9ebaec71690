"""Mappings as people write them: options of the command line, or a TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from trailhouse.producers.importers.errors import BadMapping
from trailhouse.producers.importers.expression import as_text

ATTRIBUTE: Final = "attributes."


@dataclass(frozen=True, slots=True)
class MappingText:
    """A mapping as people write it: `sources` (field -> expression), `constants` (field -> value), a time format.

    A field that has both takes the constant where the expression finds nothing.
    """

    sources: Mapping[str, str | Sequence[str]]
    constants: Mapping[str, str]
    time_format: str | None = None

    def over(self, other: MappingText) -> MappingText:
        """Lay this mapping over another: what it says about a field replaces all the other says about it."""
        mine = {*self.sources, *self.constants}
        return MappingText(
            {name: source for name, source in other.sources.items() if name not in mine} | dict(self.sources),
            {name: value for name, value in other.constants.items() if name not in mine}
            | dict(self.constants),
            self.time_format or other.time_format,
        )


def read_options(maps: Sequence[str], sets: Sequence[str], time_format: str | None = None) -> MappingText:
    """A mapping from `--map FIELD=EXPRESSION` and `--set FIELD=VALUE` options; raises `BadMapping`."""
    return MappingText(_pairs("--map", maps), _pairs("--set", sets), time_format)


def read_toml(text: str, name: str) -> MappingText:
    """A mapping from a TOML file: tables `[map]` and `[set]`, and `time_format`; raises `BadMapping`."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadMapping(f"{name} is no TOML: {error}") from None
    if unknown := sorted(set(tables) - {"map", "set", "time_format"}):
        raise BadMapping(
            f"{name} holds {unknown[0]!r}", "a mapping file has the tables [map] and [set], and time_format"
        )
    sources = _flat(tables.get("map", {}), name)
    constants = {field: as_text(value) for field, value in _flat(tables.get("set", {}), name).items()}
    for field, source in sources.items():
        if not (
            isinstance(source, str)
            or (isinstance(source, list) and all(isinstance(each, str) for each in source))
        ):
            raise BadMapping(
                f"{name}: {field} is neither text nor a list of texts",
                'write action = "type" or action = ["type", "kind"]',
            )
    return MappingText(sources, constants, tables.get("time_format"))


def read_mapping_file(path: Path) -> MappingText:
    """A mapping from a TOML file; raises `BadMapping`."""
    try:
        return read_toml(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise BadMapping(f"cannot read the mapping {path}: {error}") from None


def _pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        field, equals, value = text.partition("=")
        if not equals or not value:
            raise BadMapping(
                f"{option} {text!r} is not of the form FIELD=VALUE",
                f"for example {option} occurred_at=2026-01-31T12:00:00Z"
                if option == "--set"
                else "for example --map occurred_at=timestamp",
            )
        if field in pairs:
            raise BadMapping(
                f"{option} names {field} twice",
                "put alternatives into one expression: --map field='first|second'",
            )
        pairs[field] = value
    return pairs


def _flat(table: Any, name: str) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise BadMapping(
            f"{name}: map and set are tables", 'write [map] on a line of its own, then field = "path"'
        )
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if key == "attributes" and isinstance(value, dict):
            flat |= {ATTRIBUTE + inner: each for inner, each in value.items()}
        else:
            flat[key] = value
    return flat
