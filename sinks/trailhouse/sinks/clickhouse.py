"""ClickHouse over HTTP, the only module that knows its driver."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import clickhouse_connect
import orjson
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from trailhouse.producers.tls import meaning
from trailhouse.sinks.errors import StorageRefused
from trailhouse.sinks.settings import ClickHouseSettings

__all__ = [
    "INSERT_MAX_S",
    "INSERT_SETTINGS",
    "ROW_FAULT_CODES",
    "ClickHouseError",
    "ClickHouseUntrusted",
    "Client",
    "connect",
    "error_code",
    "insert_lines",
    "insert_rows",
    "remedy",
]

_ACCESS_CODES: Final = frozenset(
    {192, 193, 194, 497, 516}
)  # unknown user, wrong password, authentication, grants


class ClickHouseUntrusted(OperationalError):
    """The two do not trust each other's certificates; `hint` names the setting to look at."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.args[0]}; {self.hint}"


#: Seconds after which the server ends an insert, whatever it waits for: what is longer ago has ended. `connect` waits as
#: long for an answer.
INSERT_MAX_S: Final = 300

# Pinned on every insert, because the server's defaults change between releases and each of these decides whether a
# retry is harmless (delivery.md §2): one synchronous block per part, no deduplication (the tables are idempotent by
# themselves, and the deduplication log loses rows when the server is killed), views that fail the insert with them.
INSERT_SETTINGS: Final[Mapping[str, Any]] = {
    "async_insert": 0,
    "max_execution_time": INSERT_MAX_S,
    "timeout_overflow_mode": "throw",
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

#: On a cluster: what only one replica has is gone with it, and an offset is committed for what stays.
QUORUM: Final[Mapping[str, Any]] = {"insert_quorum": "auto", "insert_quorum_timeout": INSERT_MAX_S * 1000}

# One row's fault: its text does not parse, its value does not fit, it breaks a constraint. Every other refusal
# (memory, too many parts, read-only, a broken view, a missing grant) is cured by waiting or by an operator.
ROW_FAULT_CODES: Final = frozenset(
    {
        6,
        23,
        25,
        26,
        27,
        32,
        33,
        38,
        41,
        53,
        69,
        70,
        72,
        117,
        128,
        129,
        130,
        131,
        190,
        321,
        349,
        376,
        396,
        441,
        469,
        636,
        675,
        676,
    }
)


def connect(
    settings: ClickHouseSettings, *, timeout_s: float = INSERT_MAX_S, compress: bool = False
) -> Client:
    """Open a client on the settings' database; raises the driver's `OperationalError` when nobody answers,
    `ClickHouseUntrusted` when certificates are not trusted, `SettingsError` when a PEM file cannot be used.

    A client belongs to one thread. Local connections gain nothing from compression; remote ones may ask for it.
    """
    try:
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
            settings=dict(QUORUM) if settings.cluster else None,
            **_tls_options(settings),
        )
    except ClickHouseError as error:
        if said := meaning(f"{error} {error.__cause__}", settings.trust.prefix):
            raise ClickHouseUntrusted(
                f"no TLS with ClickHouse at {settings.host}:{settings.port}", said
            ) from None
        raise


def _tls_options(settings: ClickHouseSettings) -> dict[str, Any]:
    if not settings.is_secure:
        return {}
    settings.trust.context()  # says which file is wrong, as the driver does not
    named = {"ca_cert": settings.ca, "client_cert": settings.cert, "client_cert_key": settings.key}
    # The driver takes a certificate for who we are; beside a password it says only which machine we are.
    mode = {"tls_mode": "strict"} if settings.cert and settings.password else {}
    return {name: path for name, path in named.items() if path} | mode


def remedy(error: BaseException) -> str:
    """What to look at after an error that waiting does not cure, as `: …` to put behind it; "" for every other one."""
    if isinstance(error, ClickHouseUntrusted):
        return f": {error}"
    if error_code(error) in _ACCESS_CODES:
        return (
            ": ClickHouse refuses our user; check TRAILHOUSE_CLICKHOUSE_DSN, _PASSWORD and the user's grants"
        )
    return ""


def insert_lines(client: Client, table: str, lines: Sequence[bytes]) -> None:
    """Insert JSON lines into `table`, all or none per month-partition; returns when the rows are on disk.

    Raises `StorageRefused` when a row is at fault, the driver's `ClickHouseError` for everything else. The driver may
    send a body twice after a broken connection: harmless, because every table here is idempotent.
    """
    try:
        client.raw_insert(
            table, insert_block=b"\n".join(lines), settings=dict(INSERT_SETTINGS), fmt="JSONEachRow"
        )
    except ClickHouseError as error:
        code = error_code(error)
        if code not in ROW_FAULT_CODES:
            raise
        raise StorageRefused(code, _name(error)) from None


def insert_rows(
    client: Client, table: str, column_names: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Insert a few rows of texts, whole numbers, dates, aware times, UUIDs, None and lists of them.

    The driver's own `insert` would load pandas wherever it is installed, a second of processor time. Raises the driver's
    `ClickHouseError`.
    """
    lines = b"\n".join(orjson.dumps(list(row)) for row in rows)
    client.raw_insert(
        table,
        column_names=column_names,
        insert_block=lines,
        settings={"date_time_input_format": "best_effort"},
        fmt="JSONCompactEachRow",
    )


def error_code(error: BaseException) -> int | None:
    """The server's error code, or None when the server never answered."""
    code = getattr(error, "code", None)
    return code if isinstance(code, int) else None


def _name(error: BaseException) -> str:
    """The server's name of the error and nothing else of it: its text quotes the row, and rows hold personal data."""
    found = re.search(r"\(([A-Z_]{3,80})\) \(version ", str(error))
    return found[1] if found else "no name given"
