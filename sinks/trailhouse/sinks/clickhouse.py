"""ClickHouse over HTTP, the only module that knows its driver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from trailhouse.sinks.errors import StorageRefused
from trailhouse.sinks.settings import ClickHouseSettings

__all__ = ["INSERT_SETTINGS", "Client", "ClickHouseError", "connect", "error_code", "insert_lines", "is_retriable"]

# Pinned on every insert, because the server's defaults change between releases and each of these decides whether a
# retry is harmless (delivery.md §2): one synchronous block per part, no deduplication (the tables are idempotent by
# themselves, and the deduplication log loses rows when the server is killed), views that fail the insert with them.
INSERT_SETTINGS: Final[Mapping[str, Any]] = {
    "async_insert": 0,
    "deduplicate_insert": "disable",
    "deduplicate_blocks_in_dependent_materialized_views": 0,
    "materialized_views_ignore_errors": 0,
    "parallel_view_processing": 1,
    "max_partitions_per_insert_block": 24,
    "max_insert_block_size": 1_048_449,
    "min_insert_block_size_rows": 1_048_449,
    "min_insert_block_size_bytes": 268_435_456,
    "input_format_parallel_parsing": 0,
    "input_format_skip_unknown_fields": 0,
    "input_format_null_as_default": 0,
    "date_time_input_format": "best_effort",
}
