"""The whole ClickHouse engine (chDB) behind ClickHouse's own HTTP interface, in one process on loopback."""

from trailhouse.deploy.clickhouse.server import LocalClickHouse

__all__ = ["LocalClickHouse"]
