"""ClickHouse's own `INSERT … FROM INFILE` of rows in files, one file after the other, into the product's tables.

`infile.py [--without-exactness] DATA FILE...` prints one JSON object: seconds and CPU seconds of each insert, and what the
tables hold then. Without exactness there is no view of what landed and of what has to be sealed again, and the tables that
keep sets of event hashes keep counts, which a repeat would make wrong.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from trailhouse.deploy.clickhouse.engine import Engine
from trailhouse.deploy.clickhouse.identities import IDENTITIES
from trailhouse.sinks.clickhouse import INSERT_SETTINGS
from trailhouse.sinks.migrate import load

LEDGER_VIEWS = ("landed_mv", "touched_mv", "event_places_mv")
SETS = ("action_slots", "page_slots")
HASHES = "uniqExactState(sipHash64(org_id, event_id))"


def main(data: Path, files: list[str], *, is_exact: bool = True) -> None:
    engine = Engine(data)
    admin = engine.connect(IDENTITIES["admin"])
    admin.run("CREATE DATABASE trailhouse")
    admin.run("USE trailhouse")
    for migration in load():
        for statement in migration.statements:
            admin.run(statement)
    if not is_exact:
        count_plainly(admin)
    settings = ", ".join(f"{name} = '{value}'" for name, value in INSERT_SETTINGS.items())
    seconds, cpu = [], []
    for file in files:
        started, used = time.perf_counter(), time.process_time()
        admin.run(f"INSERT INTO landing FROM INFILE '{file}' SETTINGS {settings} FORMAT JSONEachRow")
        seconds.append(time.perf_counter() - started)
        cpu.append(time.process_time() - used)
    landed = int(admin.run("SELECT count() FROM landed FINAL").data)
    users = int(admin.run("SELECT uniqExact(org_id, user_ref) FROM events FINAL WHERE user_ref != 0").data)
    print(json.dumps({"seconds": seconds, "cpu": cpu, "landed": landed, "users": users}))
    engine.close()


def count_plainly(admin: Any) -> None:
    """Drop the ledger's views, and put counts where sets of event hashes are."""
    for view in LEDGER_VIEWS:
        admin.run(f"DROP VIEW {view}")
    for table in SETS:
        made = _text(admin, table, "create_table_query")
        select = _text(admin, f"{table}_mv", "as_select")
        plain = made.replace("AggregateFunction(uniqExact, UInt64)", "AggregateFunction(count)")
        counted = select.replace(HASHES, "countState()")
        if plain == made or counted == select:
            raise RuntimeError(f"{table} keeps no set of event hashes any more: mend this benchmark")
        admin.run(f"DROP VIEW {table}_mv")
        admin.run(plain.replace(f".{table}", f".{table}_counted", 1))
        admin.run(f"CREATE MATERIALIZED VIEW {table}_counted_mv TO {table}_counted AS {counted}")


def _text(admin: Any, table: str, column: str) -> str:
    sql = (
        f"SELECT {column} FROM system.tables WHERE database = 'trailhouse' AND name = '{table}' FORMAT TSVRaw"
    )
    data = admin.run(sql).data
    return (data.decode() if isinstance(data, bytes) else str(data)).strip()


if __name__ == "__main__":
    given = sys.argv[1:]
    is_exact = given[0] != "--without-exactness"
    given = given if is_exact else given[1:]
    main(Path(given[0]), given[1:], is_exact=is_exact)
