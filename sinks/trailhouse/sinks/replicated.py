"""The same migrations for a cluster: one shard, as many replicas as it has, every replica with all the data.

A rendering of the SQL and not a second set of files, so that the two cannot differ in anything else: each statement
runs `ON CLUSTER`, each MergeTree becomes its replicated twin, whose place in Keeper is made of the server's macros
`{uuid}`, `{shard}` and `{replica}`. Null tables and views hold nothing and are merely made everywhere.

One shard, because exactness needs all rows of a key on one server, where `FINAL` finds them, and because a mutation
(an erasure, an expiry) then reaches every copy by itself.
"""

from __future__ import annotations

import re
from typing import Final

_CREATE: Final = re.compile(
    r"^(CREATE (?:OR REPLACE )?(?:TABLE|VIEW|MATERIALIZED VIEW)(?: IF NOT EXISTS)? )(\w+)", re.IGNORECASE
)
_CHANGE: Final = re.compile(r"^((?:ALTER|DROP) TABLE(?: IF EXISTS)? )(\w+)", re.IGNORECASE)
_ENGINE: Final = re.compile(r"\bENGINE = ((?:Replacing|Aggregating)?MergeTree)\b(?:\(([^)]*)\))?")
_PLACE: Final = "'/clickhouse/tables/{uuid}/{shard}', '{replica}'"


def replicated(statement: str, cluster: str) -> str:
    """A statement of a migration as it runs on every replica of `cluster`; the statement itself where that is ""."""
    if not cluster:
        return statement
    for kind in (_CREATE, _CHANGE):
        statement = kind.sub(rf"\1\2 ON CLUSTER {cluster}", statement, count=1)
    statement = _ENGINE.sub(_replicated_engine, statement)
    # What comes twice is made one by the tables, never by a log of what was inserted: delivery.md.
    return statement.replace("non_replicated_deduplication_window", "replicated_deduplication_window")


def _replicated_engine(found: re.Match[str]) -> str:
    arguments = f"{_PLACE}, {found[2]}" if found[2] else _PLACE
    return f"ENGINE = Replicated{found[1]}({arguments})"
