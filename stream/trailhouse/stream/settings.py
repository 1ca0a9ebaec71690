"""Settings of the stream worker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from trailhouse.producers.errors import SettingsError
from trailhouse.producers.settings import KafkaSettings, Secret, Settings, setting


@dataclass(frozen=True, slots=True)
class MetricsSettings(Settings):
    """Where a role without an HTTP interface of its own serves `/metrics` and `/healthz`."""

    port: int = setting(
        "TRAILHOUSE_METRICS_PORT",
        0,
        "Port of /metrics and /healthz; 0 = none",
        check=lambda port: 0 <= port <= 65535,
        wanted="0 to 65535",
    )
    host: str = setting(
        "TRAILHOUSE_METRICS_HOST", "127.0.0.1", "Address /metrics listens on", check=bool, wanted="an address"
    )
    asked_as: str = setting(
        "TRAILHOUSE_METRICS_NAMES",
        "",
        "Host names under which /metrics may be asked, separated by commas; an address and `localhost` always may",
    )

    @property
    def names(self) -> frozenset[str]:
        """Host names under which it may be asked, besides `localhost`."""
        return frozenset(name.strip() for name in self.asked_as.split(",") if name.strip())


@dataclass(frozen=True, slots=True)
class LogSettings(Settings):
    """How a role writes what it says on stderr."""

    form: str = setting(
        "TRAILHOUSE_LOG_FORMAT",
        "text",
        "`text`: lines for people; `json`: an object a line, for whatever collects them",
        check=lambda form: form in {"text", "json"},
        wanted="text or json",
    )


OTLP_OVER_HTTP: Final = "http/protobuf"


@dataclass(frozen=True, slots=True)
class TracesSettings(Settings):
    """Where traces go, by OpenTelemetry's own variables; those that are not here its SDK reads itself.

    They are judged only where there is a collector: elsewhere others may have set them for programs of theirs.
    """

    endpoint: str = setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "",
        "Where an OpenTelemetry collector takes OTLP over HTTP, such as `http://collector:4318`; none = no traces. Needs the extra `otel`",
        wanted="http[s]://host:port, or none",
    )
    traces_endpoint: str = setting(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "",
        "The same for traces alone, with its whole path: `http://collector:4318/v1/traces`",
        wanted="a URL, or none",
    )
    protocol: str = setting(
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        OTLP_OVER_HTTP,
        "How it is spoken to; gRPC, as on port 4317 of most collectors, is not",
        wanted=OTLP_OVER_HTTP,
    )
    exporter: str = setting(
        "OTEL_TRACES_EXPORTER", "otlp", "`none`: no traces, wherever the rest goes", wanted="otlp or none"
    )
    disabled: str = setting("OTEL_SDK_DISABLED", "false", "`true`: no traces", wanted="true or false")

    def __post_init__(self) -> None:
        super(TracesSettings, self).__post_init__()
        if not self.is_on:
            return
        if self.protocol not in {"", OTLP_OVER_HTTP}:
            raise SettingsError("OTEL_EXPORTER_OTLP_PROTOCOL", self.protocol, OTLP_OVER_HTTP)
        if self.exporter not in {"", "otlp"}:
            raise SettingsError("OTEL_TRACES_EXPORTER", self.exporter, "otlp or none")
        if not _is_http(self.url):
            key = "OTEL_EXPORTER_OTLP_" + ("TRACES_ENDPOINT" if self.traces_endpoint else "ENDPOINT")
            # Where it may hold a password, it is not shown.
            shown = Secret(self.url) if "@" in self.url else self.traces_endpoint or self.endpoint
            raise SettingsError(key, shown, "http[s]://host:port")

    @property
    def is_on(self) -> bool:
        """Whether a collector is named, and nothing says not to use it."""
        return bool(self.url) and self.exporter != "none" and self.disabled.strip().lower() != "true"

    @property
    def url(self) -> str:
        """Where spans are posted to; empty = nowhere."""
        if self.traces_endpoint or not self.endpoint:
            return self.traces_endpoint
        return self.endpoint.rstrip("/") + "/v1/traces"


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class StreamSettings(Settings):
    """What the worker needs besides Kafka; `pepper` keys the hashes that stand for persons."""

    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    logs: LogSettings = field(default_factory=LogSettings)
    traces: TracesSettings = field(default_factory=TracesSettings)
    pepper: Secret = setting(
        "TRAILHOUSE_PEPPER",
        Secret(),
        "Secret key of the hashes that stand for persons; the same for every worker, kept for ever",
        check=lambda pepper: len(pepper.reveal()) >= 16,
        wanted="at least 16 characters: make it once with `openssl rand -hex 32`, and keep it for ever",
    )
    topic_orgs: str = setting(
        "TRAILHOUSE_TOPIC_ORGS",
        "*",
        "Organisations the raw topic may carry, separated by commas; `*` trusts every producer for every organisation",
        check=bool,
        wanted="* or org[,org…]",
    )
    group: str = setting(
        "TRAILHOUSE_STREAM_GROUP",
        "trailhouse-stream",
        "Kafka consumer group of the workers",
        check=bool,
        wanted="a group name",
    )
    sink_groups: str = setting(
        "TRAILHOUSE_SINK_GROUP",
        "trailhouse-sink",
        "Consumer group of the sinks whose gaps the workers refill; several separated by commas",
        check=bool,
        wanted="a group name",
    )
    instance: str = setting(
        "TRAILHOUSE_STREAM_INSTANCE",
        "",
        "Static member id; a worker that comes back under it keeps its partitions",
    )
    datadir: str = setting(
        "TRAILHOUSE_STREAM_DATADIR",
        ".trailhouse/stream",
        "Folder for the worker's own files",
        check=bool,
        wanted="a folder",
    )
    fetch_records: int = setting(
        "TRAILHOUSE_STREAM_FETCH_RECORDS",
        4000,
        "Largest bundle of records handed to the agent",
        check=lambda n: 1 <= n <= 100_000,
        wanted="1 to 100000",
    )
    queued_records: int = setting(
        "TRAILHOUSE_STREAM_QUEUED_RECORDS",
        20_000,
        "Records held in memory before fetching pauses",
        check=lambda n: n >= 1,
        wanted="at least 1",
    )
    breaker_records: int = setting(
        "TRAILHOUSE_BREAKER_RECORDS",
        1000,
        "Consecutive records of a partition in which the breaker counts rejects; 0 switches it off",
        check=lambda n: n == 0 or 10 <= n <= 1_000_000,
        wanted="0, or 10 to 1000000",
    )
    breaker_share: float = setting(
        "TRAILHOUSE_BREAKER_SHARE",
        0.5,
        "Share of rejects among them above which the partition is held",
        check=lambda share: 0 < share < 1,
        wanted="above 0, below 1",
    )
    breaker_hold_s: float = setting(
        "TRAILHOUSE_BREAKER_HOLD_S",
        3600.0,
        "Seconds after which a held partition goes on by itself; 0 = only when somebody closes the breaker",
        check=lambda seconds: seconds >= 0,
        wanted="at least 0",
    )
    session_timeout_s: float = setting(
        "TRAILHOUSE_STREAM_SESSION_TIMEOUT_S",
        10.0,
        "Seconds without a heartbeat until Kafka gives the partitions away",
        check=lambda s: s >= 6,
        wanted="at least 6",
    )
    stop_grace_s: float = setting(
        "TRAILHOUSE_STREAM_STOP_GRACE_S",
        15.0,
        "Seconds a stopping worker may take before it ends itself",
        check=lambda s: s > 0,
        wanted="above 0",
    )

    @property
    def sinks(self) -> list[str]:
        """Groups of sinks whose gaps the workers refill."""
        return [group.strip() for group in self.sink_groups.split(",")]

    @property
    def orgs(self) -> frozenset[str] | None:
        """Organisations the raw topic may carry; None = all."""
        return (
            None if self.topic_orgs == "*" else frozenset(org.strip() for org in self.topic_orgs.split(","))
        )
