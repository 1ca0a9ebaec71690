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
            elif (text := environ.get(each.metadata["env"])) is not None:
                values[each.name] = _parse(each.metadata["env"], text, kind)
        return cls(**values)

    def __post_init__(self) -> None:
        for each in dataclasses.fields(self):
            check = each.metadata.get("check")
            value = getattr(self, each.name)
            if check is not None and not check(value):
                raise SettingsError(each.metadata["env"], value, each.metadata["wanted"])


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
class KafkaSettings(Settings):
    """Where Kafka is and what its topics are called."""

    bootstrap: str = setting(
        "TRAILHOUSE_KAFKA_BOOTSTRAP",
        "127.0.0.1:9092",
        "Kafka brokers, `host:port`, separated by commas",
        check=_is_bootstrap,
        wanted="host:port[,host:port…]",
    )
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
    """Whether an `AuditProducer` made for Kafka sends at all."""

    send: str = setting(
        "TRAILHOUSE_SEND",
        "auto",
        "`auto`: the SDK sends, but not under pytest; `always`: there too; `never`: it keeps events in memory and sends none",
        check=lambda send: send in {"auto", "always", "never"},
        wanted="auto, always or never",
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
