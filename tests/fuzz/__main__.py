"""`make fuzz` (= `python -m tests.fuzz`): a million mutated records through the stream's functions.

Prints its seed; `--seed N` makes the same records again. What breaks a property is made as small as possible, printed
and kept under `--keep`. Exit code 1 when something did.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from random import SystemRandom

from tests.fuzz.run import P99_MS, describe, fuzz_wide, refused_by_the_engine, slow_share

SAMPLE = 40


def main() -> int:
    arguments = _parser().parse_args()
    seed = SystemRandom().randrange(2**32) if arguments.seed is None else arguments.seed
    print(f"seed {seed}: again with make fuzz ARGS=--seed={seed}", flush=True)
    started = time.monotonic()

    def progress(done: int) -> None:
        if sys.stderr.isatty():
            rate = done / (time.monotonic() - started)
            print(f"\r{done:,} records, {rate:,.0f}/s ", end="", file=sys.stderr, flush=True)

    tally, failures = fuzz_wide(
        seed, arguments.records, jobs=arguments.jobs, sample=SAMPLE, on_progress=progress
    )
    for name, figure in describe(tally).items():
        print(f"{name:>28}  {figure}")
    wrong = [str(each) for each in failures]
    for each in failures:
        print(f"kept in {each.keep(arguments.keep)}")
    if slow_share(tally) > 0.01:
        wrong.append(f"p99 is over {P99_MS} ms")
    wrong += _stored(tally.lines)
    print(f"{time.monotonic() - started:.0f} s; {len(tally.lines):,} lines stored in the real engine")
    for text in wrong:
        print(f"FAILED {text}")
    return 1 if wrong else 0


def _stored(lines: list[bytes]) -> list[str]:
    from trailhouse.deploy.clickhouse import LocalClickHouse
    from trailhouse.sinks.clickhouse import connect
    from trailhouse.sinks.migrate import migrate
    from trailhouse.sinks.settings import ClickHouseSettings

    with (
        tempfile.TemporaryDirectory(prefix="trailhouse-fuzz-") as folder,
        LocalClickHouse(Path(folder)).running() as server,
    ):
        default = connect(ClickHouseSettings(dsn=server.dsn("admin", "default")))
        default.command("CREATE DATABASE fuzz")
        default.close()
        client = connect(ClickHouseSettings(dsn=server.dsn("admin", "fuzz")))
        migrate(client)
        found = list(refused_by_the_engine(client, lines))
        client.close()
        return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, help="make the same records again")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--keep", type=Path, default=Path(".faults/fuzz"), help="folder for what breaks")
    return parser


if __name__ == "__main__":
    sys.exit(main())
