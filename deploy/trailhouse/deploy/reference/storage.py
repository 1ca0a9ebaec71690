"""Blocks about what is stored: the tables."""

from __future__ import annotations

import re
from typing import Final

from trailhouse.sinks.migrate import load as load_migrations

_CREATED: Final = re.compile(r"^CREATE (?:OR REPLACE )?(TABLE|VIEW) (\w+)", re.MULTILINE)
_ALTERED: Final = re.compile(r"^ALTER TABLE (\w+?)(?:_mv)?\b", re.MULTILINE)
_BODY: Final = re.compile(r"^CREATE TABLE \w+ \(\n(.*?)^\)", re.MULTILINE | re.DOTALL)
_SCHEMA: Final = "../sinks/trailhouse/sinks/schema"


def tables() -> str:
    """What each migration says above the table or view it makes."""
    return "\n\n".join(_migration(each.name, each.text) for each in load_migrations())


def _migration(name: str, text: str) -> str:
    comment = re.match(r"(?:--.*\n)*", text)
    said = re.sub(r"^-- ?", "", comment[0] if comment else "", flags=re.MULTILINE).strip()
    made = [f"{kind.lower()} `{made}`" for kind, made in _CREATED.findall(text)]
    made = made or [f"more of table `{table}`" for table in dict.fromkeys(_ALTERED.findall(text))]
    columns = [f"Columns: {_columns(body)}." for body in _BODY.findall(text)]
    place = f"In [`{name}`]({_SCHEMA}/{name})."
    return f"### {', '.join(made)}\n\n" + "\n\n".join([said, *columns, place])


def _columns(body: str) -> str:
    """Names and types, without what only matters to the disk."""
    found = re.findall(r"^ {2}`?(\w+)`? (.+?)(?: (?:CODEC|DEFAULT)\b.*)?,?$", body, re.MULTILINE)
    plain = [
        (column, re.sub(r"LowCardinality\((\w+)\)", r"\1", kind))
        for column, kind in found
        if column != "INDEX"
    ]
    return ", ".join(f"`{column}` {kind}" for column, kind in plain)
