"""ClickHouse's own `INSERT … FROM INFILE` of rows in files, one file after the other, into the product's tables.

`infile.py DATA FILE...` prints one JSON object: seconds and CPU seconds of each insert, and what the tables hold then.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from trailhouse.deploy.clickhouse.engine import Engine
from trailhouse.deploy.clickhouse.identities import IDENTITIES
from trailhouse.sinks.clickhouse import INSERT_SETTINGS
from trailhouse.sinks.migrate import load


def main(data: Path, files: list[str]) -> None:
    engine = Engine(data)
    admin = engine.connect(IDENTITIES["admin"])
    admin.run("CREATE DATABASE trailhouse")
    admin.run("USE trailhouse")
    for migration in load():
        for statement in migration.statements:
            admin.run(statement)
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


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
