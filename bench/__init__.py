"""Benchmarks: Trailhouse and its peers side by side, on a real Kafka and the real ClickHouse engine."""
