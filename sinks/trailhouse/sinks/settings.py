"""Settings of the sink and of everything that talks to ClickHouse."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from trailhouse.producers.errors import SettingsError
from trailhouse.producers.settings import KafkaSettings, Secret, Settings, setting
from trailhouse.producers.tls import Trust
from trailhouse.stream.settings import LogSettings, MetricsSettings, TracesSettings


def is_dsn(dsn: Secret) -> bool:
    """Whether that is an address of ClickHouse."""
    try:
        parts = urlsplit(dsn.reveal())
        return (
            parts.port != 0 and parts.scheme in {"http", "https"} and bool(parts.hostname and parts.path[1:])
        )
    except ValueError:  # brackets that do not match, or a port that is no number
        return False


@dataclass(frozen=True, slots=True)
class ClickHouseSettings(Settings):
    """Where ClickHouse is and who we are there; the whole address is a secret because it holds the password."""

    dsn: Secret = setting(
        "TRAILHOUSE_CLICKHOUSE_DSN",
        Secret("http://default@127.0.0.1:8123/trailhouse"),
        "ClickHouse over HTTP: `http[s]://user:password@host:port/database`",
        check=is_dsn,
        wanted="http[s]://user:password@host:port/database",
    )
    secret: Secret = setting(
        "TRAILHOUSE_CLICKHOUSE_PASSWORD",
        Secret(),
        "Password of the address's user, where the address is written down without it",
    )
    ca: str = setting(
        "TRAILHOUSE_CLICKHOUSE_SSL_CA",
        "",
        "PEM file with the certificates that sign ClickHouse's, with an `https` address; none = those this machine trusts",
    )
    cert: str = setting(
        "TRAILHOUSE_CLICKHOUSE_SSL_CERT",
        "",
        "PEM file with our own certificate, where ClickHouse asks for one",
    )
    key: str = setting("TRAILHOUSE_CLICKHOUSE_SSL_KEY", "", "PEM file with that certificate's private key")

    cluster: str = setting(
        "TRAILHOUSE_CLICKHOUSE_CLUSTER",
        "",
        "Name of the ClickHouse cluster (one shard) on whose replicas `trailhouse migrate` makes the tables, and a majority of which has every insert before it counts; none = one server",
        check=lambda name: not name or name.isidentifier(),
        wanted="a cluster's name",
    )

    def __post_init__(self) -> None:
        super(ClickHouseSettings, self).__post_init__()
        if not self.is_secure and (self.ca or self.cert or self.key):
            wanted = "an https:// address, because TRAILHOUSE_CLICKHOUSE_SSL_… is set"
            raise SettingsError("TRAILHOUSE_CLICKHOUSE_DSN", self.dsn, wanted)
        if self.secret and urlsplit(self.dsn.reveal()).password:
            wanted = "an address without a password, because TRAILHOUSE_CLICKHOUSE_PASSWORD is set"
            raise SettingsError("TRAILHOUSE_CLICKHOUSE_DSN", self.dsn, wanted)

    @property
    def trust(self) -> Trust:
        """The PEM files of the connection."""
        return Trust("TRAILHOUSE_CLICKHOUSE_SSL", self.ca, self.cert, self.key)

    @property
    def host(self) -> str:
        return urlsplit(self.dsn.reveal()).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.dsn.reveal())
        return parts.port or (8443 if parts.scheme == "https" else 8123)

    @property
    def is_secure(self) -> bool:
        return urlsplit(self.dsn.reveal()).scheme == "https"

    @property
    def username(self) -> str:
        return unquote(urlsplit(self.dsn.reveal()).username or "default")

    @property
    def password(self) -> Secret:
        return self.secret or Secret(unquote(urlsplit(self.dsn.reveal()).password or ""))

    @property
    def database(self) -> str:
        return urlsplit(self.dsn.reveal()).path[1:]


@dataclass(frozen=True, slots=True)
class SinkSettings(Settings):
    """What the sink needs besides Kafka and ClickHouse: how large a batch grows and how long it may wait."""

    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    clickhouse: ClickHouseSettings = field(default_factory=ClickHouseSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    logs: LogSettings = field(default_factory=LogSettings)
    traces: TracesSettings = field(default_factory=TracesSettings)
    group: str = setting(
        "TRAILHOUSE_SINK_GROUP",
        "trailhouse-sink",
        "Kafka consumer group of the sinks",
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
    instance: str = setting(
        "TRAILHOUSE_SINK_INSTANCE",
        "",
        "Static member id; a sink that comes back under it keeps its partitions",
    )
    batch_rows: int = setting(
        "TRAILHOUSE_SINK_BATCH_ROWS",
        50_000,
        "Rows after which a batch is inserted",
        check=lambda n: 1 <= n <= 1_000_000,
        wanted="1 to 1000000",
    )
    batch_bytes: int = setting(
        "TRAILHOUSE_SINK_BATCH_BYTES",
        64 << 20,
        "Bytes after which a batch is inserted",
        check=lambda n: n >= 1 << 16,
        wanted="at least 65536",
    )
    batch_age_ms: int = setting(
        "TRAILHOUSE_SINK_BATCH_AGE_MS",
        1000,
        "Milliseconds after which a batch is inserted; a fifth of them once it has a thousand rows, up to five times as many while the log holds enough to fill it",
        check=lambda n: 1 <= n <= 600_000,
        wanted="1 to 600000",
    )
    session_timeout_s: float = setting(
        "TRAILHOUSE_SINK_SESSION_TIMEOUT_S",
        10.0,
        "Seconds without a heartbeat until Kafka gives the partitions away",
        check=lambda s: s >= 6,
        wanted="at least 6",
    )
    seal_every_s: float = setting(
        "TRAILHOUSE_SINK_SEAL_EVERY_S",
        600.0,
        "Seconds between two looks for finished days to seal (`trailhouse seal`); 0 = never by itself",
        check=lambda s: 0 <= s < float("inf"),
        wanted="0 or more",
    )
