"""ClickHouse over HTTP, the only module that knows its driver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

# Waiting cures these (the connector's list): the network, memory, too many parts, read-only replicas, Keeper.
RETRIABLE_CODES: Final = frozenset({3, 107, 159, 164, 202, 203, 209, 210, 241, 242, 243, 252, 285, 319, 425, 999})


def connect(settings: ClickHouseSettings, *, timeout_s: float = 300.0, compress: bool = False) -> Client:
    """Open a client on the settings' database; raises the driver's `OperationalError` when nobody answers.

    A client belongs to one thread. Local connections gain nothing from compression; remote ones may ask for it.
    """
    return clickhouse_connect.get_client(
        host=settings.host,
        port=settings.port,
        username=settings.username,
        password=settings.password.reveal(),
        database=settings.database,
        secure=settings.is_secure,
        compress=compress,
        autogenerate_session_id=False,
        connect_timeout=5,
        send_receive_timeout=int(timeout_s),
        query_retries=0,
    )


def insert_lines(client: Client, table: str, lines: Sequence[bytes]) -> None:
    """Insert JSON lines into `table`, all or none per month-partition; returns when the rows are on disk.

    Raises `StorageRefused` for errors that waiting does not cure, the driver's `ClickHouseError` for the rest. The
    driver may send a body twice after a broken connection: harmless, because every table here is idempotent.
    """
    try:
        client.raw_insert(table, insert_block=b"\n".join(lines), settings=dict(INSERT_SETTINGS), fmt="JSONEachRow")
    except ClickHouseError as error:
        code = error_code(error)
        if is_retriable(code):
            raise
        raise StorageRefused(code or 0, _first_line(error)) from None


def error_code(error: BaseException) -> int | None:
    """The server's error code, or None when the server never answered."""
    code = getattr(error, "code", None)
    return code if isinstance(code, int) else None


def is_retriable(code: int | None) -> bool:
    """Whether waiting may cure an error with this code; no code at all means the network."""
    return code is None or code in RETRIABLE_CODES


def _first_line(error: BaseException) -> str:
    """The error without the server's echo of the data: a parse error quotes the row, and rows hold personal data."""
    text = str(error).partition("\n")[0]
    for marker in (": (while reading", "(at row", ": while parsing", "Buffer content", "JSON data", ", value "):
        text = text.partition(marker)[0]
    return text[:200]
