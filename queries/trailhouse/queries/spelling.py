"""SQL with the parameterised views it reads spelled out, each as a subquery where it stands.

The engine plans a parameterised view once to learn its columns and once more to read it, and a view within a view twice
as often at each level; a subquery it plans once. What a view says stands in the packaged migrations. People are shown the
short form (`Question.sql`), the engine is asked the long one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache, partial
from typing import Final

from trailhouse.sinks.migrate import load

_VIEW: Final = re.compile(r"CREATE (?:OR REPLACE )?VIEW (\w+) AS\s+(?=SELECT\b|WITH\b)")
_READ: Final = re.compile(r"\b(FROM|JOIN)\s+(\w+)\(")
_PLACEHOLDER: Final = re.compile(r"\{(\w+):([^{}]+)\}")
_TOKEN: Final = re.compile(r"'(?:[^'\\]|\\.|'')*'|\{[^{}]*\}|[()\[\],]|[^'{()\[\],]+", re.DOTALL)
# Reports, each with and without cuts, and what is asked beside them; never a caller's text.
_KEPT: Final = 512


@cache
def views() -> Mapping[str, str]:
    """What each view with parameters selects, by name, as the newest packaged migration has it."""
    found = {
        match[1]: statement[match.end() :]
        for migration in load()
        for statement in migration.statements
        if (match := _VIEW.match(statement)) is not None
    }
    return {name: select for name, select in found.items() if _PLACEHOLDER.search(select)}


@lru_cache(maxsize=_KEPT)
def spelled_out(sql: str) -> str:
    """The same SQL without views that take parameters; raises `KeyError` where a view is not given one of its own."""
    parts, position = [], 0
    for match in _READ.finditer(sql):
        if match.start() < position or match[2] not in views():
            continue
        given, end = _arguments(sql, match.end())
        select = _PLACEHOLDER.sub(partial(_value, given), views()[match[2]])
        parts += [sql[position : match.start()], f"{match[1]} (\n{spelled_out(select)}\n)"]
        position = end
    return "".join([*parts, sql[position:]])


def _arguments(sql: str, start: int) -> tuple[dict[str, str], int]:
    """The values by name from `start`, behind a call's bracket, to its end; and where the text goes on."""
    given, depth = [""], 0
    for match in _TOKEN.finditer(sql, start):
        part = match[0]
        if part == ")" and depth == 0:
            pairs = (each.partition("=") for each in given)
            return {name.strip(): value.strip() for name, _, value in pairs}, match.end()
        depth += (part in {"(", "["}) - (part in {")", "]"})
        if part == "," and depth == 0:
            given.append("")
        else:
            given[-1] += part
    raise ValueError(f"a bracket is never closed: {sql[start : start + 60]}")


def _value(given: Mapping[str, str], found: re.Match[str]) -> str:
    """What stands for a placeholder of a view: the value as it is where it is bound with the same type."""
    value = given[found[1]]
    bound = _PLACEHOLDER.fullmatch(value)
    return value if bound is not None and bound[2] == found[2] else f"CAST({value} AS {found[2]})"
