"""The role: it goes on whatever is away, says so once, catches up; killed at any moment it leaves nothing half done."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from tests.own_thread import stand_in
from tests.queries.archive.conftest import s3_of, settings_of
from tests.queries.archive.test_round import entries_in
from tests.queries.archive.world import events, land
from tests.roles import Role, running, wait_for
from tests.stream.listening import listening
from tests.stream.otlp_collector import collecting, traced

from trailhouse.producers.settings import Secret
from trailhouse.queries.archive.errors import TargetRefused, TargetUnavailable
from trailhouse.queries.archive.journal import standing
from trailhouse.queries.archive.metrics import ArchiveMetrics
from trailhouse.queries.archive.proof import prove
from trailhouse.queries.archive.settings import ArchiveSettings, TargetSettings
from trailhouse.queries.archive.sums import differences, ledger_sums
from trailhouse.queries.archive.target import FolderTarget, ObjectTarget, Target, open_target
from trailhouse.queries.archive.worker import Keeper
from trailhouse.sinks.clickhouse import Client
from trailhouse.sinks.settings import ClickHouseSettings

ARCHIVE = "queries.archive.worker", "queries.archive.settings", "ArchiveSettings"


class Moody(FolderTarget):
    """A folder on a disk that is full while `trouble` says so."""

    trouble: Exception | None = None

    def create(self, path: str, content: bytes) -> bool:
        if self.trouble is not None:
            raise self.trouble
        return super().create(path, content)


def sample(metrics: ArchiveMetrics, name: str) -> float:
    return metrics.registry.get_sample_value(name) or 0.0


def test_a_target_in_trouble_is_said_once_and_caught_up_with(
    database: Client,
    clickhouse_settings: ClickHouseSettings,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Full, refused, away: it waits longer each time, tells how late it is, and archives everything when it can."""
    target, metrics = Moody(tmp_path), ArchiveMetrics()
    settings = ArchiveSettings(clickhouse=clickhouse_settings, every_s=600)
    keeper = Keeper(settings, metrics, lambda _: False, lambda: target)
    metrics.watch(600)
    land(database, events(3))
    assert keeper.step() == 600
    caplog.clear()
    target.trouble = TargetUnavailable("No space left on device")
    land(database, events(3, start=10), start=3)
    assert [keeper.step() for _ in range(4)] == [1, 2, 4, 8]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert sample(metrics, "trailhouse_archive_failures_total") == 4
    now = time.time()
    stand_in(monkeypatch, time, "time", lambda: now + 1000)
    assert 399 < sample(metrics, "trailhouse_archive_late_seconds") < 410
    target.trouble = None
    assert keeper.step() == 600
    assert "nothing is missing" in caplog.text
    assert sample(metrics, "trailhouse_archive_late_seconds") == 0
    assert sample(metrics, "trailhouse_archive_rounds_total") == 2
    assert prove(target).problems == []
    assert len(entries_in(target)) == 6
    keeper.close()


def test_a_round_is_a_span_and_its_lines_have_an_id(
    database: Client,
    clickhouse_settings: ClickHouseSettings,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With its number and what it holds; a look that finds nothing leaves none, one that fails says so under its id."""
    caplog.set_level(logging.INFO)
    target = Moody(tmp_path)
    settings = ArchiveSettings(clickhouse=clickhouse_settings, every_s=600)
    keeper = Keeper(settings, ArchiveMetrics(), lambda _: False, lambda: target)
    with collecting() as collector:
        with traced(collector.url, "archive"), listening() as lines:
            land(database, events(3))
            keeper.step()
            keeper.step()
            land(database, events(2, start=10), start=3)
            target.trouble = TargetUnavailable("the disk of canary is full")
            keeper.step()
        done, failed = collector.named("archive round")
        assert len(collector.spans) == 2
        assert b"canary" not in b"".join(collector.bodies)
    keeper.close()
    name = done.attributes.pop("trailhouse.correlation_id")
    assert done.attributes == {
        "trailhouse.round": 1,
        "trailhouse.entries": 3,
        "trailhouse.copies": 0,
        "trailhouse.rejected": 0,
        "trailhouse.gone": 0,
    }
    (told,) = [line for line in lines if line["message"].startswith("round 1")]
    (trouble,) = [line for line in lines if line["message"].startswith("cannot archive")]
    assert (told["correlation_id"], told["span_id"]) == (name, done.span_id)
    assert name.startswith("archive/")
    assert failed.attributes == {
        "error.type": "TargetUnavailable",
        "trailhouse.correlation_id": trouble["correlation_id"],
    }
    assert trouble["correlation_id"] != name


def test_a_clickhouse_that_is_away_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nor is its address, with the password, in the log."""
    nowhere = ClickHouseSettings(dsn=Secret("http://me:swordfish@127.0.0.1:9/trailhouse"))
    keeper = Keeper(
        ArchiveSettings(clickhouse=nowhere), ArchiveMetrics(), lambda _: False, lambda: FolderTarget(tmp_path)
    )
    assert (keeper.step(), keeper.step()) == (1, 2)
    assert "cannot archive" in caplog.text
    assert "swordfish" not in caplog.text


def test_a_bucket_that_does_not_lock_is_refused(s3_url: str, bucket_settings: TargetSettings) -> None:
    """The process ends instead of writing what can be deleted; also when the lock is taken away later."""
    wanted = replace(bucket_settings, lock_days=2190)
    keeper = Keeper(ArchiveSettings(target=wanted), ArchiveMetrics(), lambda _: False)
    with pytest.raises(TargetRefused, match="versioning is not on"):
        keeper.run()
    assert "Contents" not in s3_of(bucket_settings, "list_objects_v2")


def environ_of(clickhouse: ClickHouseSettings, target: TargetSettings, rows: int) -> dict[str, str]:
    return {
        "TRAILHOUSE_CLICKHOUSE_DSN": clickhouse.dsn.reveal(),
        "TRAILHOUSE_ARCHIVE_TARGET": target.target,
        "TRAILHOUSE_ARCHIVE_OPTIONS": target.options.reveal() or "{}",
        "TRAILHOUSE_ARCHIVE_EVERY_S": "0.05",
        "TRAILHOUSE_ARCHIVE_ROUND_ROWS": str(rows),
    }


def storm(  # noqa: PLR0917
    client: Client,
    target: Target,
    environ: Mapping[str, str],
    log: Path,
    kills: int,
    count: Callable[[], int],
    archivers: int = 1,
) -> int:
    """Kill the role `kills` times while batches land; returns how many events landed. Everything ends up archived."""
    random, offset, sent = Random(7), 0, 0
    roles = [Role(ARCHIVE, environ, log.with_suffix(f".{number}")) for number in range(archivers)]
    with running(*roles):
        for kill in range(kills):
            role = roles[kill % archivers]
            for _ in range(3):
                size = random.randrange(20, 60)
                again = events(2, start=max(0, sent - 2))
                offset = land(client, [*events(size, start=sent), *again], start=offset)
                sent += size
            before = count()
            wait_for(lambda before=before: count() > before, 60, "another file", role)  # type: ignore[misc]
            time.sleep(random.random() * 0.03)  # no condition: the kill has to hit anywhere
            role.kill()
            role.start()
        # However slow the machine: what matters is that it goes on, and to the end.
        while (mark := mark_of(target)) < offset - 1:
            wait_for(lambda mark=mark: mark_of(target) > mark, 120, "another round", *roles)  # type: ignore[misc]
    return sent


def mark_of(target: Target) -> int:
    return standing(target).marks.get(("topic", 0), -1)


def check(client: Client, target: Target, sent: int) -> None:
    """0 lost, 0 double: by the archive's own proof, by the ledger, and entry by entry."""
    proof = prove(target)
    assert proof.problems == []
    assert proof.events == sent
    assert differences(proof.sums, ledger_sums(client, proof.marks)) == []
    if isinstance(target, FolderTarget):
        assert len(entries_in(target)) == sent


def files_under(folder: Path) -> int:
    return sum(len(names) for _, _, names in os.walk(folder))


def test_killed_while_it_writes(
    database: Client, clickhouse_settings: ClickHouseSettings, tmp_path: Path
) -> None:
    """Four times into a folder, with kill -9: nothing is lost and nothing double."""
    settings = TargetSettings(target=str(tmp_path / "archive"))
    target = FolderTarget(tmp_path / "archive")
    environ = environ_of(clickhouse_settings, settings, rows=40)
    sent = storm(database, target, environ, tmp_path / "log", 4, lambda: files_under(tmp_path / "archive"))
    check(database, target, sent)


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("archivers", [1, 2], ids=["one", "two at once"])
@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_killed_fifty_times(  # noqa: PLR0917
    database: Client,
    clickhouse_settings: ClickHouseSettings,
    s3_url: str,
    tmp_path: Path,
    kind: str,
    archivers: int,
) -> None:
    """On a folder and on an S3-compatible server, with one archiver and with two that do the same work."""
    target: Target
    if kind == "folder":
        settings = TargetSettings(target=str(tmp_path / "archive"))
        target = FolderTarget(tmp_path / "archive")
    else:
        settings = settings_of(s3_url, f"kills-{archivers}")
        s3_of(settings, "create_bucket")
        target = open_target(settings)
        assert isinstance(target, ObjectTarget)
    environ = environ_of(clickhouse_settings, settings, rows=40)
    sent = storm(
        database, target, environ, tmp_path / "log", 50, lambda: sum(1 for _ in target.walk("")), archivers
    )
    check(database, target, sent)


def test_rounds_into_a_bucket(
    database: Client, clickhouse_settings: ClickHouseSettings, bucket_settings: TargetSettings
) -> None:
    """Over real HTTP to an S3-compatible server: archived, proven, and the server away and back."""
    settings = ArchiveSettings(
        target=bucket_settings, clickhouse=clickhouse_settings, every_s=5, round_rows=3
    )
    land(database, events(3))
    land(database, events(4, start=10, org="globex"), start=3)
    keeper = Keeper(settings, ArchiveMetrics(), lambda _: False)
    assert keeper.step() == 5
    keeper.close()
    proof = prove(open_target(bucket_settings))
    assert (proof.rounds, proof.events, proof.problems) == (2, 7, [])
    names = s3_of(bucket_settings, "list_objects_v2")["Contents"]
    assert [name["Key"].split("/")[:3] for name in names if "wandb" in name["Key"]] == [
        ["audit", "wandb-audit-logs", "acme"],
        ["audit", "wandb-audit-logs", "globex"],
    ]
