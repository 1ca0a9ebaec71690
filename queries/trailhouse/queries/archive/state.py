"""What was set and decided, as far as it belongs to the numbers and to what must not come back: no free text, no name.

Who decided, and why, stays in ClickHouse: people write names there.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from trailhouse.queries.archive.errors import ArchiveBroken
from trailhouse.sinks.clickhouse import Client, insert_lines

#: The columns archived of each table; its other columns are empty after restoring.
TABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "org_settings": ("org_id", "timezone", "week_start", "company", "set_at"),
    "retention": ("org_id", "class", "days", "set_at"),
    "holds": ("hold_id", "org_id", "user_refs", "placed_at", "released_at", "is_released"),
    "erased": ("org_id", "user_ref", "erased_at"),
    "lost": ("epoch", "partition", "first", "last", "accepted_at"),
    "settled": ("org_id", "event_id", "settled_at"),
    "replays": (
        "epoch",
        "partition",
        "offset",
        "replayed_at",
        "to_epoch",
        "to_partition",
        "to_offset",
        "is_edited",
    ),
}
#: Who is told to have done what only the archive remembers.
BY: Final = "the archive"
_WHO: Final = {
    "retention": ("set_by",),
    "holds": ("reason", "placed_by"),
    "erased": ("erased_by",),
    "lost": ("reason", "accepted_by"),
    "settled": ("settled_by",),
}
#: Columns without which a row is the same decision, said at another time.
_AT: Final = frozenset(
    {"set_at", "placed_at", "released_at", "erased_at", "accepted_at", "settled_at", "replayed_at"}
)

State = dict[str, list[dict[str, Any]]]


def read_state(client: Client) -> bytes:
    """All of it as gzipped JSON; the same bytes while nothing is decided."""
    state: State = {}
    for table, columns in TABLES.items():
        raw = client.raw_query(
            f"SELECT {', '.join(columns)} FROM {table} FINAL ORDER BY ALL",
            fmt="JSONEachRow",
        )
        state[table] = [msgspec.json.decode(line) for line in raw.splitlines()]
    return gzip.compress(msgspec.json.encode(state), mtime=0)


def decode_state(content: bytes) -> State:
    """Raises `ArchiveBroken`."""
    try:
        return msgspec.json.decode(gzip.decompress(content), type=State)
    except (OSError, EOFError, zlib.error, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArchiveBroken(f"what was decided cannot be read: {type(error).__name__}") from None


def write_state(client: Client, state: State) -> int:
    """Put into the tables what they do not say yet; returns how many rows that were."""
    written = 0
    for table, columns in TABLES.items():
        compared = [name for name in columns if name not in _AT]
        raw = client.raw_query(
            f"SELECT {', '.join(compared)} FROM {table} FINAL",
            fmt="JSONEachRow",
        )
        known = {_key(msgspec.json.decode(line), compared) for line in raw.splitlines()}
        fresh = [row for row in state.get(table, []) if _key(row, compared) not in known]
        if fresh:
            who = dict.fromkeys(_WHO.get(table, ()), BY)
            insert_lines(client, table, [msgspec.json.encode({**row, **who}) for row in fresh])
            written += len(fresh)
    return written


def _key(row: Mapping[str, Any], names: list[str]) -> str:
    # Some servers write large numbers in quotes.
    return repr([str(row.get(name)).replace("'", "").replace('"', "") for name in names])
