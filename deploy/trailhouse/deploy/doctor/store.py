"""ClickHouse: its version, clock, room and certificate, the schema, and what its user may do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Final

from trailhouse.deploy.doctor import certificates, clocks, host
from trailhouse.deploy.doctor.finding import Finding, fail, ok, warn
from trailhouse.sinks.certificate import expires_at
from trailhouse.sinks.clickhouse import ClickHouseError, Client, connect
from trailhouse.sinks.errors import MigrationError
from trailhouse.sinks.migrate import load, pending
from trailhouse.sinks.peer import Expiry, clickhouse_peer
from trailhouse.sinks.settings import ClickHouseSettings

AREA: Final = "ClickHouse"
OLDEST: Final = (24, 8)
#: What the sink must be able to do, and what nobody but an administrator shall.
READ: Final = ("events", "landed", "batches", "user_days", "action_slots")
WRITE: Final = ("landing", "batches", "rejected", "lost")
NEVER_WRITE: Final = (
    *("erased", "holds", "retention", "expired", "org_settings"),
    *("api_keys", "ended_sessions", "person_orgs"),
)


def look(
    settings: ClickHouseSettings,
    *,
    writes: ClickHouseSettings | None = None,
    now: Callable[[], float] = time.time,
    expiry: Expiry = expires_at,
) -> Iterator[Finding]:
    """Ask it as `settings` say; `writes` = as whom sinks write, None = that is the same user, who may be a reader.

    Raises the driver's errors when nobody answers.
    """
    yield from certificates.look(AREA, clickhouse_peer(settings), now(), expiry)
    with closing(connect(settings, timeout_s=30)) as client:
        before = now()
        ((text, there, free, size),) = client.query(
            "SELECT version(), toUnixTimestamp64Milli(now64(3)) / 1000, filesystemAvailable(), filesystemCapacity()"
        ).result_rows
        yield clocks.compare("ClickHouse", float(there), before, now())
        yield version(str(text))
        yield host.room(AREA, "disk", free, size)
        yield from schema(client)
        yield reads(client, settings.username)
    with closing(connect(writes or settings, timeout_s=30)) as client:
        yield from grants(client, (writes or settings).username, must_write=writes is not None)


def version(text: str) -> Finding:
    """Of the server."""
    numbers = tuple(int(each) for each in text.split(".")[:2])
    if numbers < OLDEST:
        return fail(AREA, "version", text, f"{OLDEST[0]}.{OLDEST[1]} or newer")
    return ok(AREA, "version", text)


def schema(client: Client) -> Iterator[Finding]:
    """Whether every migration of this version has run, and none of a newer one."""
    try:
        rows = client.query("SELECT name, checksum FROM migrations FINAL").result_rows
        waiting = pending(load(), {str(name): str(checksum) for name, checksum in rows})
    except MigrationError as error:
        yield fail(AREA, "schema", str(error), error.hint)
        return
    except ClickHouseError:
        yield fail(AREA, "schema", "there are no tables, or this user may not see them", "trailhouse migrate")
        return
    if waiting:
        names = ", ".join(each.name for each in waiting[:3]) + (" …" if len(waiting) > 3 else "")
        yield fail(AREA, "schema", f"{len(waiting)} migrations wait: {names}", "trailhouse migrate")
    else:
        yield ok(AREA, "schema", f"{len(rows)} migrations, the last {max(str(row[0]) for row in rows)}")


def reads(client: Client, user: str, tables: Sequence[str] = READ) -> Finding:
    """Whether this user may read what reports and books are made of."""
    lacking = [table for table in tables if not _check(client, "SELECT", table)]
    if lacking:
        return fail(AREA, f"{user} reads", f"may not read {', '.join(lacking)}", "GRANT SELECT on them")
    return ok(AREA, f"{user} reads", "what reports and books need")


def grants(client: Client, user: str, *, must_write: bool) -> Iterator[Finding]:
    """What sinks need, if this is their user; and nothing that decides about deletion."""
    may = {table: _check(client, "INSERT", table) for table in (*WRITE, *NEVER_WRITE)}
    if not must_write and not any(may[table] for table in WRITE):
        yield ok(AREA, f"{user} writes", "nothing: a reader")
        return
    lacking = [table for table in WRITE if not may[table]]
    if lacking:
        yield fail(
            AREA, f"{user} writes", f"may not insert into {', '.join(lacking)}", "GRANT INSERT on them"
        )
        return
    too_much = [table for table in NEVER_WRITE if may[table]]
    if too_much and must_write:
        yield fail(
            AREA,
            f"{user} writes",
            f"may write {', '.join(too_much)}: it could hide or keep people, or make keys",
            "REVOKE INSERT on them from the sinks' user",
        )
    elif too_much:
        yield warn(
            AREA,
            f"{user} writes",
            "everything: an administrator's rights",
            "give sinks and the api users of their own (docs/operations/secure.md)",
        )
    else:
        yield ok(AREA, f"{user} writes", "what sinks need, and no more")


def _check(client: Client, right: str, table: str) -> bool:
    # Both names are ours; a grant takes no parameters.
    return bool(client.query(f"CHECK GRANT {right} ON {client.database}.{table}").result_rows[0][0])
