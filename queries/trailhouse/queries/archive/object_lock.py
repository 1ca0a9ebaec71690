"""Whether a bucket locks what is written to it, for as long and as firmly as the settings ask (WA15).

The archive relies on the bucket's own default retention: then neither it nor anybody with its rights can write an object
that is not locked. What cannot be asked is not believed: a target that is no S3 bucket is refused when a lock is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trailhouse.queries.archive.errors import TargetRefused
from trailhouse.queries.archive.settings import TargetSettings
from trailhouse.queries.archive.target import ObjectTarget, Target, target_errors

DAYS_A_YEAR = 365


@dataclass(frozen=True, slots=True)
class ObjectLock:
    """What a bucket does with what is written to it; `mode` '' and `days` 0 = it locks nothing by itself."""

    is_versioned: bool
    mode: str = ""
    days: int = 0

    def shortfalls(self, mode: str, days: int) -> list[str]:
        """What is less than asked for, in words."""
        found = []
        if not self.is_versioned:
            found.append("versioning is not on")
        if not self.mode:
            found.append("no default retention is set")
        elif mode == "COMPLIANCE" and self.mode != mode:
            found.append(f"its mode is {self.mode}, which whoever has the right can end; asked for is {mode}")
        if self.mode and self.days < days:
            found.append(f"it locks for {self.days} days; asked for are {days}")
        return found


def check_lock(target: Target, settings: TargetSettings) -> ObjectLock | None:
    """What the bucket does; None when no lock is asked for. Raises `TargetRefused`, `TargetUnavailable`."""
    if not settings.lock_days:
        return None
    if not isinstance(target, ObjectTarget) or not target.is_s3:
        raise TargetRefused(
            f"{target.name} cannot be asked whether it locks what is written to it",
            "TRAILHOUSE_ARCHIVE_LOCK_DAYS works with S3 buckets with object lock; elsewhere set it to 0 and lock the store yourself",
        )
    found = read_lock(target)
    if shortfalls := found.shortfalls(settings.lock_mode, settings.lock_days):
        raise TargetRefused(
            f"bucket {target.bucket} does not lock as TRAILHOUSE_ARCHIVE_LOCK_DAYS={settings.lock_days} asks: {'; '.join(shortfalls)}",
            "docs/archive.md, 'Six years, locked', has the two commands that set it",
        )
    return found


def read_lock(target: ObjectTarget) -> ObjectLock:
    """What an S3 bucket does with what is written to it; raises `TargetUnavailable`."""
    with target_errors(target.name):
        versioning: dict[str, Any] = target.file_system.call_s3("get_bucket_versioning", Bucket=target.bucket)
        is_versioned = versioning.get("Status") == "Enabled"
        try:
            answer = target.file_system.call_s3("get_object_lock_configuration", Bucket=target.bucket)
        except Exception as error:
            if "ObjectLockConfiguration" not in f"{error} {error.__cause__}":
                raise
            return ObjectLock(is_versioned)  # the store's way of saying that there is none
    configuration = answer.get("ObjectLockConfiguration", {})
    if configuration.get("ObjectLockEnabled") != "Enabled":
        return ObjectLock(is_versioned)
    retention = configuration.get("Rule", {}).get("DefaultRetention", {})
    days = int(retention.get("Days", 0)) or int(retention.get("Years", 0)) * DAYS_A_YEAR
    return ObjectLock(is_versioned, str(retention.get("Mode", "")), days)
