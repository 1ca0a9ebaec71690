"""DuckDB asked in one process: the questions over a view of the Parquet files, as its guide on Parquet has it."""

from __future__ import annotations

import json
import statistics
import sys
import time

import duckdb

if __name__ == "__main__":
    job = json.loads(sys.argv[1])
    database = duckdb.connect()
    database.execute(f"CREATE VIEW events AS SELECT * FROM read_parquet('{job['folder']}/*.parquet')")
    told = {}
    for name, question in job["questions"].items():
        took, answer = [], []
        for _ in range(job["runs"]):
            started = time.perf_counter()
            answer = database.execute(question).fetchall()
            took.append((time.perf_counter() - started) * 1000)
        rows = [[cell.decode() if isinstance(cell, bytes) else str(cell) for cell in row] for row in answer]
        told[name] = {"p50_ms": statistics.median(took), "p95_ms": max(took), "answer": rows}
    print(json.dumps(told))
