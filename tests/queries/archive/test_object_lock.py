"""Object lock: the archive runs where the bucket locks as asked for, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.queries.archive.conftest import s3_of, settings_of
from tests.queries.archive.world import events, land

from trailhouse.queries.archive.errors import TargetRefused
from trailhouse.queries.archive.metrics import ArchiveMetrics
from trailhouse.queries.archive.object_lock import ObjectLock, check_lock
from trailhouse.queries.archive.proof import prove
from trailhouse.queries.archive.restore import restore
from trailhouse.queries.archive.settings import ArchiveSettings, TargetSettings
from trailhouse.queries.archive.target import FolderTarget, open_target
from trailhouse.queries.archive.worker import Keeper
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.settings import ClickHouseSettings

SIX_YEARS = 2190


def locked(s3_url: str, name: str, retention: dict[str, Any] | None) -> TargetSettings:
    settings = settings_of(s3_url, name, lock_days=SIX_YEARS)
    s3_of(settings, "create_bucket", ObjectLockEnabledForBucket=True)
    if retention:
        rule = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": retention}}
        s3_of(settings, "put_object_lock_configuration", ObjectLockConfiguration=rule)
    return settings


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (ObjectLock(is_versioned=True, mode="COMPLIANCE", days=SIX_YEARS), []),
        (ObjectLock(is_versioned=False, mode="COMPLIANCE", days=9999), ["versioning is not on"]),
        (ObjectLock(is_versioned=True), ["no default retention is set"]),
        (
            ObjectLock(is_versioned=True, mode="COMPLIANCE", days=2189),
            ["it locks for 2189 days; asked for are 2190"],
        ),
    ],
    ids=["enough", "not versioned", "no retention", "a day short"],
)
def test_what_is_less_than_asked_is_named(found: ObjectLock, wanted: list[str]) -> None:
    assert found.shortfalls("COMPLIANCE", SIX_YEARS) == wanted


def test_a_lock_that_can_be_ended_is_less() -> None:
    """Whoever is content with it says so."""
    found = ObjectLock(is_versioned=True, mode="GOVERNANCE", days=SIX_YEARS)
    assert found.shortfalls("COMPLIANCE", SIX_YEARS)
    assert not found.shortfalls("GOVERNANCE", SIX_YEARS)


def test_a_bucket_is_asked(s3_url: str, bucket_settings: TargetSettings) -> None:
    """With six years it runs; with fewer, with none, or on a bucket without lock it says what is missing."""
    good = locked(s3_url, "six", {"Mode": "COMPLIANCE", "Years": 6})
    assert check_lock(open_target(good), good) == ObjectLock(
        is_versioned=True, mode="COMPLIANCE", days=SIX_YEARS
    )
    short = locked(s3_url, "short", {"Mode": "COMPLIANCE", "Days": 30})
    none = locked(s3_url, "none", None)
    for settings, why in (
        (short, "30 days"),
        (none, "no default retention"),
        (replace(bucket_settings, lock_days=1), "versioning"),
    ):
        with pytest.raises(TargetRefused, match=why):
            check_lock(open_target(settings), settings)
    assert check_lock(open_target(bucket_settings), bucket_settings) is None


def test_what_cannot_be_asked_is_refused(tmp_path: Path) -> None:
    """A folder locks nothing, whatever somebody hopes."""
    with pytest.raises(TargetRefused, match="cannot be asked"):
        check_lock(FolderTarget(tmp_path), TargetSettings(target=str(tmp_path), lock_days=1))


def test_a_round_is_locked_file_by_file_and_restored_from(
    database: Client, other_database: Client, clickhouse_settings: ClickHouseSettings, s3_url: str
) -> None:
    """In mode COMPLIANCE no version can be deleted or unlocked, rights or not; S3 wants a checksum with what it locks."""
    settings = locked(s3_url, "kept", {"Mode": "COMPLIANCE", "Years": 6})
    land(database, [*events(4), *events(3, start=10, org="globex"), b"not json"])
    keeper = Keeper(
        ArchiveSettings(target=settings, clickhouse=clickhouse_settings), ArchiveMetrics(), lambda _: False
    )
    begun = datetime.now(UTC)
    assert keeper.step() == 600
    keeper.close()
    versions = s3_of(settings, "list_object_versions")["Versions"]
    assert {each["Key"].split("/")[1] for each in versions} == {"trailhouse-archive", "wandb-audit-logs"}
    for each in versions:
        named = {"Key": each["Key"], "VersionId": each["VersionId"]}
        seen = s3_of(settings, "head_object", **named, ChecksumMode="ENABLED")
        assert (seen["ObjectLockMode"], each["IsLatest"]) == ("COMPLIANCE", True)
        assert seen["ObjectLockRetainUntilDate"] >= begun + timedelta(days=SIX_YEARS - 1)
        assert seen["ChecksumCRC32"]
        for more in ({}, {"BypassGovernanceRetention": True}):
            with pytest.raises(PermissionError):
                s3_of(settings, "delete_object", **named, **more)
    target = open_target(settings)
    proof = prove(target)
    assert (proof.rounds, proof.events, proof.rejected, proof.problems) == (1, 7, 1, [])
    assert restore(target, other_database).stored == 8
    counts = [
        each.query("SELECT org_id, count() FROM events FINAL GROUP BY ALL ORDER BY ALL").result_rows
        for each in (database, other_database)
    ]
    assert counts[0] == counts[1] == [("acme", 4), ("globex", 3)]
