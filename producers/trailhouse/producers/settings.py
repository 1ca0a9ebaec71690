"""Settings: small frozen objects read from the environment, which check themselves and mask their secrets.

Each stage owns the settings of what it introduces; a later stage reuses them (`KafkaSettings` is read by all).
`docs/configuration.md` is generated from the metadata given here, so a setting cannot be undocumented.
"""

from __future__ import annotations

import dataclasses
import hmac
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from trailhouse.producers.errors import SettingsError


class Secret:
    """Text that never shows itself: printing, formatting and comparing by accident see `***`; `reveal()` gives it."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def __repr__(self) -> str:
        return "Secret('***')" if self._text else "Secret('')"

    def __str__(self) -> str:
        return "***" if self._text else ""

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(("Secret", self._text))

    def reveal(self) -> str:
        """The text itself; call it only where it is handed to a driver."""
        return self._text


def setting(
    env: str, default: Any, text: str, *, check: Callable[[Any], bool] | None = None, wanted: str = ""
) -> Any:
    """A dataclass field read from the environment variable `env`; `text` is its line in the docs.

    `check` says whether a parsed value is allowed, `wanted` how an allowed one reads ("1 to 1000000").
    """
    return field(default=default, metadata={"env": env, "text": text, "check": check, "wanted": wanted})


@dataclass(frozen=True, slots=True)
class Settings:
    """Base of every settings object: fields made with `setting`, read by `from_env`."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read every field from `environ`; raises `SettingsError` naming the key, the value and what was wanted."""
        types = typing.get_type_hints(cls)
        values: dict[str, Any] = {}
        for each in dataclasses.fields(cls):
            kind = types[each.name]
            if dataclasses.is_dataclass(kind) and issubclass(typing.cast("type", kind), Settings):
                values[each.name] = typing.cast("type[Settings]", kind).from_env(environ)
            elif (text := text_of(each.metadata["env"], kind, environ)) is not None:
                values[each.name] = _parse(each.metadata["env"], text, kind)
        return cls(**values)

    def __post_init__(self) -> None:
        for each in dataclasses.fields(self):
            check = each.metadata.get("check")
            value = getattr(self, each.name)
            if check is not None and not check(value):
                raise SettingsError(each.metadata["env"], value, each.metadata["wanted"])


def text_of(env: str, kind: Any, environ: Mapping[str, str]) -> str | None:
    """What a setting is set to; a secret may stand in a file named by `<env>_FILE` instead, as orchestrators mount them."""
    path = environ.get(f"{env}_FILE") if kind is Secret else None
    if not path:
        return environ.get(env)
    if env in environ:
        raise SettingsError(f"{env}_FILE", path, f"either it or {env}, not both")
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{env}_FILE", path, f"a file we may read ({type(error).__name__})") from None


def _parse(env: str, text: str, kind: Any) -> Any:
    if kind is bool:
        if text.lower() not in {"1", "true", "yes", "0", "false", "no"}:
            raise SettingsError(env, text, "true or false")
        return text.lower() in {"1", "true", "yes"}
    if kind in {int, float}:
        try:
            return kind(text)
        except ValueError:
            raise SettingsError(env, text, "a whole number" if kind is int else "a number") from None
    return kind(text)


def _is_bootstrap(value: str) -> bool:
    return bool(value) and all(":" in part and part.rpartition(":")[2].isdigit() for part in value.split(","))


@dataclass(frozen=True, slots=True)
class KafkaSecurity(Settings):
    """How every Kafka client of ours connects: encrypted or not, and as whom. The names are Kafka's own."""

    protocol: str = setting(
        "TRAILHOUSE_KAFKA_SECURITY",
        "PLAINTEXT",
        "Security protocol of the brokers' listener: `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`",
        check=lambda name: name in {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"},
        wanted="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL",
    )
    mechanism: str = setting(
        "TRAILHOUSE_KAFKA_SASL_MECHANISM",
        "SCRAM-SHA-512",
        "SASL mechanism: `SCRAM-SHA-512`, `SCRAM-SHA-256` or `PLAIN`",
        check=lambda name: name in {"SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"},
        wanted="SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN",
    )
    username: str = setting("TRAILHOUSE_KAFKA_SASL_USERNAME", "", "User with SASL")
    password: Secret = setting(  # noqa: RUF009 - a Secret does not change
        "TRAILHOUSE_KAFKA_SASL_PASSWORD", Secret(), "Password of that user"
    )
    ca: str = setting(
        "TRAILHOUSE_KAFKA_SSL_CA",
        "",
        "PEM file with the certificates that sign the brokers'; none = those this machine trusts",
    )
    cert: str = setting(
        "TRAILHOUSE_KAFKA_SSL_CERT", "", "PEM file with our own certificate, where the brokers ask for one"
    )
    key: str = setting("TRAILHOUSE_KAFKA_SSL_KEY", "", "PEM file with that certificate's private key")
    key_password: Secret = setting(  # noqa: RUF009
        "TRAILHOUSE_KAFKA_SSL_KEY_PASSWORD", Secret(), "Password of that key, where it has one"
    )

    def __post_init__(self) -> None:
        super(KafkaSecurity, self).__post_init__()
        protocol = f"TRAILHOUSE_KAFKA_SECURITY is {self.protocol}"
        if self.is_sasl:
            if not self.username:
                raise SettingsError("TRAILHOUSE_KAFKA_SASL_USERNAME", "", f"a user, because {protocol}")
            if not self.password:
                raise SettingsError(
                    "TRAILHOUSE_KAFKA_SASL_PASSWORD", Secret(), f"a password, because {protocol}"
                )
        elif self.username or self.password:  # who set them believes that brokers ask for them
            wanted = "SASL_SSL (or SASL_PLAINTEXT), because TRAILHOUSE_KAFKA_SASL_… is set"
            raise SettingsError("TRAILHOUSE_KAFKA_SECURITY", self.protocol, wanted)
        if not self.is_encrypted and (self.ca or self.cert or self.key):
            wanted = "SSL or SASL_SSL, because TRAILHOUSE_KAFKA_SSL_… is set"
            raise SettingsError("TRAILHOUSE_KAFKA_SECURITY", self.protocol, wanted)
        if self.key and not self.cert:
            raise SettingsError(
                "TRAILHOUSE_KAFKA_SSL_CERT", "", "a PEM file, because TRAILHOUSE_KAFKA_SSL_KEY is set"
            )

    @property
    def is_sasl(self) -> bool:
        return self.protocol.startswith("SASL_")

    @property
    def is_encrypted(self) -> bool:
        return self.protocol in {"SSL", "SASL_SSL"}


@dataclass(frozen=True, slots=True)
class KafkaSettings(Settings):
    """Where Kafka is, how to connect to it, and what its topics are called."""

    bootstrap: str = setting(
        "TRAILHOUSE_KAFKA_BOOTSTRAP",
        "127.0.0.1:9092",
        "Kafka brokers, `host:port`, separated by commas",
        check=_is_bootstrap,
        wanted="host:port[,host:port…]",
    )
    security: KafkaSecurity = field(default_factory=KafkaSecurity)
    raw_topic: str = setting(
        "TRAILHOUSE_TOPIC_RAW",
        "audit.events",
        "Topic that services publish audit events to",
        check=bool,
        wanted="a topic name",
    )
    enriched_topic: str = setting(
        "TRAILHOUSE_TOPIC_ENRICHED",
        "audit.enriched",
        "Topic the stream worker writes to, one record per raw record",
        check=bool,
        wanted="a topic name",
    )
    rejected_topic: str = setting(
        "TRAILHOUSE_TOPIC_REJECTED",
        "audit.rejected",
        "Dead letters: the original bytes of every rejected record",
        check=bool,
        wanted="a topic name",
    )


@dataclass(frozen=True, slots=True)
class BufferSettings(Settings):
    """How long an `AuditProducer` may keep a caller waiting; and without a spool, how much it may hold in memory."""

    events: int = setting(
        "TRAILHOUSE_BUFFER_EVENTS",
        100_000,
        "Events an SDK producer without a spool holds in memory until Kafka has confirmed them",
        check=lambda events: 1 <= events <= 10_000_000,
        wanted="1 to 10000000",
    )
    bytes: int = setting(
        "TRAILHOUSE_BUFFER_BYTES",
        64 * 1024 * 1024,
        "Bytes of JSON an SDK producer without a spool holds in memory until Kafka has confirmed them",
        check=lambda size: 256 * 1024 <= size <= 2**40,
        wanted="262144 (one event of the largest size) or more",
    )
    max_block_ms: int = setting(
        "TRAILHOUSE_BUFFER_MAX_BLOCK_MS",
        5_000,
        "Milliseconds `emit` waits for room in a full spool or buffer before it raises `AuditSpoolFull` or `AuditBufferFull`",
        check=lambda wait_ms: 0 <= wait_ms <= 86_400_000,
        wanted="0 to 86400000",
    )
    close_timeout_ms: int = setting(
        "TRAILHOUSE_BUFFER_CLOSE_TIMEOUT_MS",
        30_000,
        "Milliseconds `close`, and the end of the process, wait for Kafka without a spool before what is left is reported undelivered",
        check=lambda wait_ms: 0 <= wait_ms <= 86_400_000,
        wanted="0 to 86400000",
    )


@dataclass(frozen=True, slots=True)
class SpoolSettings(Settings):
    """Where an `AuditProducer` keeps events on disk until Kafka has confirmed them, and how safely."""

    dir: str = setting(
        "TRAILHOUSE_SPOOL_DIR",
        "",
        "Folder of the SDK's spool; none = `trailhouse/spool` in `$XDG_STATE_HOME` or `~/.local/state`, `off` = no spool",
        wanted="a folder, or off",
    )
    level: str = setting(
        "TRAILHOUSE_SPOOL_LEVEL",
        "fast",
        "`fast`: an accepted event survives the death of the process; `safe`: also that of the machine",
        check=lambda level: level in {"fast", "safe"},
        wanted="fast or safe",
    )
    bytes: int = setting(
        "TRAILHOUSE_SPOOL_BYTES",
        1024**3,
        "Bytes the spool may take for one topic, of all processes that share the folder",
        check=lambda size: 4 * 1024**2 <= size <= 2**50,
        wanted="4194304 or more",
    )
    close_timeout_ms: int = setting(
        "TRAILHOUSE_SPOOL_CLOSE_TIMEOUT_MS",
        2_000,
        "Milliseconds `close`, and the end of the process, wait for a Kafka that confirms nothing before they leave the rest to the next process",
        check=lambda wait_ms: 0 <= wait_ms <= 86_400_000,
        wanted="0 to 86400000",
    )


@dataclass(frozen=True, slots=True)
class SendingSettings(Settings):
    """Whether an `AuditProducer` made for Kafka sends at all, and with which client."""

    send: str = setting(
        "TRAILHOUSE_SEND",
        "auto",
        "`auto`: the SDK sends, but not under pytest; `always`: there too; `never`: it keeps events in memory and sends none",
        check=lambda send: send in {"auto", "always", "never"},
        wanted="auto, always or never",
    )
    client: str = setting(
        "TRAILHOUSE_SEND_CLIENT",
        "kafka-python",
        "Kafka client of the SDK: `confluent-kafka` needs the extra `confluent`",
        check=lambda client: client in {"kafka-python", "confluent-kafka"},
        wanted="kafka-python or confluent-kafka",
    )


@dataclass(frozen=True, slots=True)
class OutboxSettings(Settings):
    """The database whose outbox a relay empties."""

    url: Secret = setting(  # noqa: RUF009 - a Secret does not change
        "TRAILHOUSE_OUTBOX_URL",
        Secret(),
        "Database of the application, as SQLAlchemy writes it: `postgresql+psycopg://user:password@host/name`",
        check=bool,
        wanted="a database URL",
    )
    table: str = setting(
        "TRAILHOUSE_OUTBOX_TABLE",
        "audit_outbox",
        "The outbox's table, `schema.table` where it is not in the default schema",
        check=lambda name: all(part.isidentifier() for part in name.split(".")) and name.count(".") <= 1,
        wanted="a table name",
    )
