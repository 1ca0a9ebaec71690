"""What was set and decided, as far as it belongs to the numbers and to what must not come back: no free text, no name.

Who decided, and why, stays in ClickHouse: people write names there.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from trailhouse.queries.archive.errors import ArchiveBroken
from trailhouse.queries.archive.packed import FILE_MAX, pack, unpack
from trailhouse.sinks.clickhouse import ClickHouseError, Client, insert_lines

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
    "links": ("org_id", "user_ref", "person_ref", "is_alias", "aliased_at"),
}
#: Where a table does not say it itself: who is whom follows from names and addresses, which stay where they are.
_READ_FROM: Final = {"links": "known_links"}
#: It is read at once, and takes many times its size in memory; so of what a file may have it may have this part.
SHARE: Final = 16
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
_NOT_FOR_US: Final = ("ACCESS_DENIED", "UNKNOWN_TABLE")

log = logging.getLogger(__name__)

State = dict[str, list[dict[str, Any]]]


def read_state(client: Client) -> bytes:
    """All of it as gzipped JSON; the same bytes while nothing is decided.

    Without `links` where whoever asks may not read them, or the schema is from before there were any.
    """
    state: State = {}
    for table, columns in TABLES.items():
        place = _READ_FROM.get(table, f"{table} FINAL")
        try:
            raw = client.raw_query(
                f"SELECT {', '.join(columns)} FROM {place} ORDER BY ALL", fmt="JSONEachRow"
            )
        except ClickHouseError as error:
            if table not in _READ_FROM or not any(code in str(error) for code in _NOT_FOR_US):
                raise
            log.warning(
                "%s cannot be read, so after restoring people with several identities count as several; "
                "trailhouse migrate, and let the archive read as the role `archive` (trailhouse access)",
                place,
            )
            continue
        state[table] = [msgspec.json.decode(line) for line in raw.splitlines()]
    return pack(msgspec.json.encode(state))


def decode_state(content: bytes, path: str, most: int = FILE_MAX) -> State:
    """What a file of at most `most` / `SHARE` bytes unpacked says; raises `ArchiveBroken`."""
    unpacked = unpack(content, path, most // SHARE)
    try:
        return msgspec.json.decode(unpacked, type=State)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArchiveBroken(f"{path} cannot be read: {type(error).__name__}") from None


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
