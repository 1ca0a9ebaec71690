"""Settings of the HTTP API."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from trailhouse.producers.errors import SettingsError
from trailhouse.producers.settings import KafkaSettings, Secret, Settings, setting
from trailhouse.queries.alerts.settings import NotificationSettings
from trailhouse.queries.audit_profile import PROFILES
from trailhouse.queries.caller import Caller
from trailhouse.queries.oidc_settings import OidcSettings
from trailhouse.sinks.settings import ClickHouseSettings, is_dsn
from trailhouse.stream.host_guard import is_loopback
from trailhouse.stream.settings import LogSettings, TracesSettings

SECRET_LENGTH_MIN: Final = 32


@dataclass(frozen=True, slots=True)
class ApiSettings(Settings):
    """Where the API listens, whose data it serves without a key, and how much it takes at once."""

    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    logs: LogSettings = field(default_factory=LogSettings)
    traces: TracesSettings = field(default_factory=TracesSettings)
    clickhouse: ClickHouseSettings = field(default_factory=ClickHouseSettings)
    notifications: NotificationSettings = field(default_factory=NotificationSettings)
    oidc: OidcSettings = field(default_factory=OidcSettings)
    host: str = setting(
        "TRAILHOUSE_API_HOST",
        "127.0.0.1",
        "Address the API listens on; beyond this machine it asks for a key everywhere",
        check=bool,
        wanted="an address",
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
        "Organisations the API serves without a key, separated by commas; `*` = all, and records of none",
        check=bool,
        wanted="* or org[,org…]",
    )
    read_pii: bool = setting(
        "TRAILHOUSE_API_READ_PII",
        False,
        "Whether the API shows who a user is, to everybody who comes without a key",
    )
    sink_group: str = setting(
        "TRAILHOUSE_SINK_GROUP",
        "trailhouse-sink",
        "Kafka consumer group of the sinks, whose books the API closes",
        check=bool,
        wanted="a group name",
    )
    stream_group: str = setting(
        "TRAILHOUSE_STREAM_GROUP",
        "trailhouse-stream",
        "Kafka consumer group of the stream workers, whose committed offsets say what must have arrived",
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
    share_s: float = setting(
        "TRAILHOUSE_DASHBOARD_SHARE_S",
        30.0,
        "Seconds, at most, that people who look at the dashboard's pages at the same time share their answers; from a second, and longer the more the asking costs. 0 = each page asks anew",
        check=lambda seconds: 0 <= seconds <= 60,
        wanted="0 to 60",
    )

    anonymous: str = setting(
        "TRAILHOUSE_API_ANONYMOUS",
        "auto",
        "Whether reports are served without an API key; `auto`: where the API listens on a loopback address",
        check=lambda text: text in {"auto", "true", "false"},
        wanted="auto, true or false",
    )
    names: str = setting(
        "TRAILHOUSE_API_NAMES",
        "",
        "Names in a Host header that mean this API besides localhost and its address, separated by commas",
    )
    key_rate: float = setting(
        "TRAILHOUSE_API_KEY_RATE",
        100.0,
        "Requests a second one key may send, ten seconds' worth of them at once; then it gets 429. 0 = no limit",
        check=lambda rate: 0 <= rate <= 1_000_000,
        wanted="0 to 1000000",
    )
    keys_ttl_s: float = setting(
        "TRAILHOUSE_API_KEYS_TTL_S",
        5.0,
        "Seconds until a key made or revoked is so for the API too",
        check=lambda seconds: 0 <= seconds <= 60,
        wanted="0 to 60",
    )
    keys_grace_s: float = setting(
        "TRAILHOUSE_API_KEYS_GRACE_S",
        600.0,
        "Seconds the last known keys go on being good while ClickHouse does not answer",
        check=lambda seconds: 0 <= seconds <= 86_400,
        wanted="0 to 86400",
    )
    events_timeout_s: float = setting(
        "TRAILHOUSE_API_EVENTS_TIMEOUT_S",
        10.0,
        "Seconds the collector waits for Kafka's confirmation before it answers 503",
        check=lambda seconds: 0 < seconds <= 300,
        wanted="more than 0, to 300",
    )
    events_items: int = setting(
        "TRAILHOUSE_API_EVENTS_ITEMS",
        20_000,
        "Events one request to the collector may have",
        check=lambda items: 1 <= items <= 100_000,
        wanted="1 to 100000",
    )
    events_body_bytes: int = setting(
        "TRAILHOUSE_API_EVENTS_BODY_BYTES",
        8 << 20,
        "Bytes one request to the collector may have, unpacked",
        check=lambda size: 1 << 10 <= size <= 16 << 20,
        wanted="1024 to 16777216",
    )
    events_held_bytes: int = setting(
        "TRAILHOUSE_API_EVENTS_HELD_BYTES",
        64 << 20,
        "Bytes of events the collector holds until Kafka has confirmed them, half of it with one key; then it answers 429",
        check=lambda size: 32 << 20 <= size <= 2**40,
        wanted="33554432 or more",
    )

    session_secret: Secret = setting(
        "TRAILHOUSE_API_SESSION_SECRET",
        Secret(),
        "Signs the dashboard's sessions; the same for all processes behind one address. Empty: a new one at each start, which signs everybody out",
        check=lambda secret: not secret.reveal() or len(secret.reveal()) >= SECRET_LENGTH_MIN,
        wanted="32 characters or more, or none",
    )
    settings_dsn: Secret = setting(
        "TRAILHOUSE_API_SETTINGS_DSN",
        Secret(),
        "ClickHouse as a user who may insert into `api_keys`, `org_settings`, `retention`, `ended_sessions` and `person_orgs`, for the page Settings and for signing out; none: the page changes nothing, and signing out is written as the api's own user",
        check=lambda dsn: not dsn or is_dsn(dsn),
        wanted="http[s]://user:password@host:port/database, or none",
    )
    profile: str = setting(
        "TRAILHOUSE_API_PROFILE",
        "self_managed",
        "Which W&B deployment the audit log is like: `saas`, `dedicated` or `self_managed`",
        check=lambda name: name in PROFILES,
        wanted="saas, dedicated or self_managed",
    )
    enterprise_orgs: str = setting(
        "TRAILHOUSE_API_ENTERPRISE_ORGS",
        "*",
        "Organisations on the Enterprise plan, separated by commas; `*` = all. Only these have an audit log where the profile is `saas`",
    )
    audit_streams: int = setting(
        "TRAILHOUSE_API_AUDIT_STREAMS",
        4,
        "Audit logs fetched at once, each with a connection to ClickHouse; further requests get 503",
        check=lambda count: 1 <= count <= 64,
        wanted="1 to 64",
    )

    def __post_init__(self) -> None:
        super(ApiSettings, self).__post_init__()
        if self.anonymous == "true" and not is_loopback(self.host):
            wanted = "a loopback address such as 127.0.0.1, or TRAILHOUSE_API_ANONYMOUS other than true: reports without keys must not be reachable from elsewhere"
            raise SettingsError("TRAILHOUSE_API_HOST", self.host, wanted)

    @property
    def is_open(self) -> bool:
        """Whether reports are served without a key."""
        return self.anonymous == "true" or (self.anonymous == "auto" and is_loopback(self.host))

    @property
    def host_names(self) -> tuple[str, ...]:
        """What a Host header may say besides this machine's own names."""
        return (self.host, *(name.strip().lower() for name in self.names.split(",") if name.strip()))

    @property
    def settings_writer(self) -> ClickHouseSettings | None:
        """Who writes what the page Settings changes, none without an address; the certificates are those of who reads."""
        if not self.settings_dsn:
            return None
        return replace(self.clickhouse, dsn=self.settings_dsn, secret=Secret())

    def has_plan(self, org: str) -> bool:
        """Whether an organisation is on the Enterprise plan."""
        names = {name.strip() for name in self.enterprise_orgs.split(",")}
        return "*" in names or org in names

    @property
    def caller(self) -> Caller:
        """Who comes without a key, where that is allowed."""
        if self.orgs == "*":
            return Caller(orgs=None, read_pii=self.read_pii, is_instance=True)
        return Caller(orgs=frozenset(org.strip() for org in self.orgs.split(",")), read_pii=self.read_pii)
