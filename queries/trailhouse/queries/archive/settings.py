"""Settings of the archive."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from trailhouse.producers.settings import Secret, Settings, setting
from trailhouse.sinks.settings import ClickHouseSettings
from trailhouse.stream.settings import LogSettings, MetricsSettings, TracesSettings


def _is_options(text: Secret) -> bool:
    try:
        return isinstance(json.loads(text.reveal() or "{}"), dict)
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class TargetSettings(Settings):
    """Where the archive lies and how long the store must keep it locked."""

    target: str = setting(
        "TRAILHOUSE_ARCHIVE_TARGET",
        "",
        "Where the archive goes: a folder, or a URL such as `s3://bucket/prefix`, `gs://…`, `abfs://…` (any fsspec file system); none = no archive",
        wanted="a folder or a URL",
    )
    options: Secret = setting(
        "TRAILHOUSE_ARCHIVE_OPTIONS",
        Secret(),
        'What the fsspec file system is opened with, as JSON: `{"endpoint_url": "https://…", "key": "…", "secret": "…"}`; none = the machine\'s own identity',
        check=_is_options,
        wanted="a JSON object",
    )
    timeout_s: float = setting(
        "TRAILHOUSE_ARCHIVE_TIMEOUT_S",
        60.0,
        "Seconds an object store may be silent until a request counts as failed (S3)",
        check=lambda s: 1 <= s <= 3600,
        wanted="1 to 3600",
    )
    file_mb: int = setting(
        "TRAILHOUSE_ARCHIVE_FILE_MB",
        2048,
        "Megabytes (2^20 bytes) that a file of the archive may have, unpacked, for verifying, restoring and going on after a crash to read it; of what was decided, a sixteenth. Beyond it the file counts as forged",
        check=lambda mb: 16 <= mb <= 1 << 20,
        wanted="16 to 1048576",
    )
    lock_days: int = setting(
        "TRAILHOUSE_ARCHIVE_LOCK_DAYS",
        0,
        "Days the bucket must lock every object by itself, or the archive refuses to run; 2190 = six years (HIPAA), 0 = no lock asked for",
        check=lambda days: 0 <= days <= 36_500,
        wanted="0 to 36500",
    )
    lock_mode: str = setting(
        "TRAILHOUSE_ARCHIVE_LOCK_MODE",
        "COMPLIANCE",
        "The mode that lock must have: `COMPLIANCE` (nobody can end it) or `GOVERNANCE` (who has the right can)",
        check=lambda mode: mode in {"COMPLIANCE", "GOVERNANCE"},
        wanted="COMPLIANCE or GOVERNANCE",
    )

    signing_key: Secret = setting(
        "TRAILHOUSE_ARCHIVE_SIGNING_KEY",
        Secret(),
        "Ed25519 private key (PEM) with which the archive signs what it writes; none = not signed. The role `archive` alone needs it",
    )
    public_key: str = setting(
        "TRAILHOUSE_ARCHIVE_PUBLIC_KEY",
        "",
        "PEM file with the public key: verifying and restoring then take nothing that is not signed with the private one; none = signatures are not looked at",
    )
    signed_from: int = setting(
        "TRAILHOUSE_ARCHIVE_SIGNED_FROM",
        1,
        "The first round that must be signed, where signing began with an archive that was there",
        check=lambda number: number >= 1,
        wanted="1 or more",
    )

    @property
    def file_max(self) -> int:
        """`file_mb` in bytes."""
        return self.file_mb << 20

    @property
    def storage_options(self) -> dict[str, Any]:
        """The options, decoded."""
        found: dict[str, Any] = json.loads(self.options.reveal() or "{}")
        return found


@dataclass(frozen=True, slots=True)
class ArchiveSettings(Settings):
    """What the role `archive` does how often."""

    target: TargetSettings = field(default_factory=TargetSettings)
    clickhouse: ClickHouseSettings = field(default_factory=ClickHouseSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    logs: LogSettings = field(default_factory=LogSettings)
    traces: TracesSettings = field(default_factory=TracesSettings)
    every_s: float = setting(
        "TRAILHOUSE_ARCHIVE_EVERY_S",
        600.0,
        "Seconds between two looks for what landed",
        check=lambda s: 0 < s <= 86_400,
        wanted="more than 0, to 86400",
    )
    round_rows: int = setting(
        "TRAILHOUSE_ARCHIVE_ROUND_ROWS",
        200_000,
        "Records after which a round ends and the next one begins at once, so what it takes in memory is bounded",
        check=lambda n: 1 <= n <= 5_000_000,
        wanted="1 to 5000000",
    )
    entries: bool = setting(
        "TRAILHOUSE_ARCHIVE_ENTRIES",
        True,
        "Whether audit log entries are written under `wandb-audit-logs/`; without, the archive is for restoring alone",
    )
    parquet: bool = setting(
        "TRAILHOUSE_ARCHIVE_PARQUET",
        False,
        "Whether the same entries are written as Parquet, too, under `wandb-audit-logs-parquet/` (needs pyarrow)",
    )
