"""Settings of the HTTP API."""

from __future__ import annotations

from dataclasses import dataclass, field

from trailhouse.producers.settings import KafkaSettings, Settings, setting
from trailhouse.queries.caller import Caller
from trailhouse.sinks.settings import ClickHouseSettings
from trailhouse.stream.host_guard import is_loopback


@dataclass(frozen=True, slots=True)
class ApiSettings(Settings):
    """Where the API listens and whose data it serves; until it knows keys it listens on this machine alone."""

    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    clickhouse: ClickHouseSettings = field(default_factory=ClickHouseSettings)
    host: str = setting(
        "TRAILHOUSE_API_HOST",
        "127.0.0.1",
        "Address the API listens on; a loopback address, because the API has no keys yet",
        check=is_loopback,
        wanted="a loopback address such as 127.0.0.1: the API has no keys yet, so it must not be reachable from elsewhere",
    )
    port: int = setting(
        "TRAILHOUSE_API_PORT",
        8080,
        "Port the API listens on; 0 = one that is free",
        check=lambda port: 0 <= port <= 65535,
        wanted="0 to 65535",
    )
    orgs: str = setting(
        "TRAILHOUSE_API_ORGS",
        "*",
        "Organisations the API serves, separated by commas; `*` = all, and records of none",
        check=bool,
        wanted="* or org[,org…]",
    )
    read_pii: bool = setting(
        "TRAILHOUSE_API_READ_PII", False, "Whether the API shows who a user is, to everybody on this machine"
    )
    sink_group: str = setting(
        "TRAILHOUSE_SINK_GROUP",
        "trailhouse-sink",
        "Kafka consumer group of the sinks, whose books the API closes",
        check=bool,
        wanted="a group name",
    )
    balance_interval_s: float = setting(
        "TRAILHOUSE_API_BALANCE_INTERVAL_S",
        30.0,
        "Seconds between two times the API closes the books for its metrics",
        check=lambda seconds: seconds >= 1,
        wanted="at least 1",
    )
    pool_size: int = setting(
        "TRAILHOUSE_API_POOL_SIZE",
        8,
        "Connections to ClickHouse, so queries at once",
        check=lambda size: 1 <= size <= 256,
        wanted="1 to 256",
    )

    @property
    def caller(self) -> Caller:
        """Who everybody is while there are no keys."""
        if self.orgs == "*":
            return Caller(orgs=None, read_pii=self.read_pii, is_instance=True)
        return Caller(orgs=frozenset(org.strip() for org in self.orgs.split(",")), read_pii=self.read_pii)
