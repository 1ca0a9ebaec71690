"""Fixtures of the archive's tests: an S3-compatible server over real HTTP, and targets on it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import orjson
import pytest
from moto.server import ThreadedMotoServer
from tests.databases import Databases

from trailhouse.producers.settings import Secret
from trailhouse.queries.archive.settings import TargetSettings
from trailhouse.queries.archive.target import ObjectTarget, open_target
from trailhouse.sinks.clickhouse import Client, connect
from trailhouse.sinks.settings import ClickHouseSettings


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """An S3-compatible server on a free port of this machine."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket_settings(s3_url: str) -> TargetSettings:
    """A new bucket's."""
    settings = settings_of(s3_url, f"bucket-{uuid.uuid4().hex[:8]}")
    s3_of(settings, "create_bucket")
    return settings


@pytest.fixture
def bucket(bucket_settings: TargetSettings) -> ObjectTarget:
    target = open_target(bucket_settings)
    assert isinstance(target, ObjectTarget)
    return target


def settings_of(s3_url: str, bucket: str, **changes: Any) -> TargetSettings:
    options = {"endpoint_url": s3_url, "key": "testing", "secret": "testing"}
    return TargetSettings(
        target=f"s3://{bucket}/audit", options=Secret(orjson.dumps(options).decode()), **changes
    )


def s3_of(settings: TargetSettings, method: str, **arguments: Any) -> Any:
    """Ask the server something about the settings' bucket."""
    target = open_target(settings)
    assert isinstance(target, ObjectTarget)
    return target.file_system.call_s3(method, Bucket=target.bucket, **arguments)


@pytest.fixture(scope="session")
def archive_databases(
    databases: Databases,
) -> Iterator[tuple[ClickHouseSettings, ClickHouseSettings]]:
    """Two migrated databases, one to archive and one to restore into, for all of these tests."""
    with databases.lend() as (first, _), databases.lend() as (second, _):
        yield first, second


@pytest.fixture
def clickhouse_settings(
    archive_databases: tuple[ClickHouseSettings, ClickHouseSettings],
) -> ClickHouseSettings:
    """The first of them, emptied by `database`."""
    return archive_databases[0]


@pytest.fixture
def database(archive_databases: tuple[ClickHouseSettings, ClickHouseSettings]) -> Iterator[Client]:
    with closing(connect(archive_databases[0])) as client:
        empty(client)
        yield client


@pytest.fixture
def other_database(archive_databases: tuple[ClickHouseSettings, ClickHouseSettings]) -> Iterator[Client]:
    """The one to restore into, with nothing in it."""
    with closing(connect(archive_databases[1])) as client:
        empty(client)
        yield client


def empty(client: Client) -> None:
    """Take every row out of every table that has any, and leave the migrations' own."""
    tables = client.query(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND name != 'migrations' AND total_rows > 0"
    ).result_rows
    for (name,) in tables:
        client.command(f"TRUNCATE TABLE {name}")
