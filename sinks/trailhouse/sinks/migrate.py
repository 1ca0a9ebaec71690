"""Apply the numbered SQL files of `schema/` in order, once each, and refuse a file that was edited afterwards.

The table `migrations` in the same database keeps name, checksum and time of what ran. Forward only: to change a
table, add a file. A statement ends with `;` at the end of a line.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from trailhouse.sinks.clickhouse import ClickHouseError, Client, insert_rows
from trailhouse.sinks.errors import MigrationError
from trailhouse.sinks.replicated import replicated

NAME: Final = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")

# One row per migration. Order: by name. No partition: a few dozen rows.
# Replacing, so that two migrators at once leave one row.
LEDGER: Final = """
CREATE TABLE IF NOT EXISTS migrations (name String, checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
ENGINE = ReplacingMergeTree ORDER BY name
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One SQL file: its name (`0002_events.sql`) and its text."""

    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def statements(self) -> list[str]:
        """The statements in order, without comment lines and without their `;`."""
        bare = "\n".join(line for line in self.text.splitlines() if not line.lstrip().startswith("--"))
        return [statement.strip() for statement in re.split(r";[ \t]*(?:\n|$)", bare) if statement.strip()]


def load() -> list[Migration]:
    """The packaged migrations in order."""
    folder = files("trailhouse.sinks") / "schema"
    return sorted(
        (Migration(file.name, file.read_text()) for file in folder.iterdir() if NAME.fullmatch(file.name)),
        key=lambda each: each.name,
    )


def pending(migrations: Iterable[Migration], applied: Mapping[str, str]) -> list[Migration]:
    """Those not yet in `applied` (name -> checksum).

    Raises `MigrationError` for a file edited after it ran, one that ran but is gone, and one that sorts before a
    file that has run already.
    """
    migrations = list(migrations)
    names = {each.name for each in migrations}
    if gone := sorted(set(applied) - names):
        raise MigrationError(
            f"migration {gone[0]} was applied here but this version does not have it",
            "run a version at least as new as the database",
        )
    for each in migrations:
        if each.name in applied and applied[each.name] != each.checksum:
            raise MigrationError(
                f"migration {each.name} was edited after it was applied (checksum {each.checksum[:12]}, applied {applied[each.name][:12]})",
                "restore the file and put the change into a new migration",
            )
    todo = [each for each in migrations if each.name not in applied]
    if todo and applied and todo[0].name < max(applied):
        raise MigrationError(
            f"migration {todo[0].name} sorts before {max(applied)}, which has run already",
            "give it the next number",
        )
    return todo


def read_applied(client: Client, cluster: str = "") -> dict[str, str]:
    """Name and checksum of each migration that the client's database has; makes the table that says so.

    Raises `MigrationError` where it cannot be read.
    """
    try:
        client.command(replicated(LEDGER.strip(), cluster))
        rows = client.query("SELECT name, checksum FROM migrations FINAL").result_rows
    except ClickHouseError as error:
        raise MigrationError(
            f"cannot read the migrations table: {error}",
            "check the address and that this user may create tables",
        ) from None
    return {str(name): str(checksum) for name, checksum in rows}


def migrate(client: Client, migrations: Sequence[Migration] | None = None, *, cluster: str = "") -> list[str]:
    """Bring the client's database up to date and return the names applied now, in order; [] when nothing was left.

    With `cluster`, on all its replicas (`replicated`). Raises `MigrationError`. A migration that failed half-way is run
    again as a whole next time: its CREATE statements run as CREATE … IF NOT EXISTS.
    """
    done = []
    for each in pending(load() if migrations is None else migrations, read_applied(client, cluster)):
        try:
            for statement in each.statements:
                repeatable = re.sub(
                    r"^CREATE (TABLE|VIEW|MATERIALIZED VIEW) (?!IF NOT)",
                    r"CREATE \1 IF NOT EXISTS ",
                    statement,
                )
                client.command(replicated(repeatable, cluster))
        except ClickHouseError as error:
            raise MigrationError(
                f"migration {each.name} failed: {error}", "mend the cause and run `trailhouse migrate` again"
            ) from None
        insert_rows(client, "migrations", ["name", "checksum"], [[each.name, each.checksum]])
        done.append(each.name)
    return done
