"""Run the archive as a process: check the target, serve metrics, do rounds until told to stop.

A target or a ClickHouse that is away ends nothing: it is said once, tried again, and what landed meanwhile follows. A
target that does not lock as asked for is refused, and the process ends.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Final

from trailhouse.queries.archive.errors import ArchiveBroken, TargetRefused
from trailhouse.queries.archive.journal import mark_as_ours
from trailhouse.queries.archive.manifest import Manifest
from trailhouse.queries.archive.metrics import ArchiveMetrics
from trailhouse.queries.archive.object_lock import check_lock
from trailhouse.queries.archive.round import Archiver, Choices
from trailhouse.queries.archive.settings import ArchiveSettings
from trailhouse.queries.archive.signature import signatures_of
from trailhouse.queries.archive.target import FolderTarget, Target, open_target
from trailhouse.sinks.clickhouse import Client, connect
from trailhouse.stream import tracing
from trailhouse.stream.correlation import about, fresh
from trailhouse.stream.logs import log_to_stderr
from trailhouse.stream.metrics import serve_metrics

EXIT_INFRASTRUCTURE: Final = 70
BACKOFF_FIRST_S: Final = 1.0
BACKOFF_MAX_S: Final = 60.0
#: A process that has done nothing for so long hangs: a request to a slow store may take its time.
SILENT_AFTER_S: Final = 900.0

log = logging.getLogger(__name__)


class Keeper:
    """Does rounds every so often and survives whatever is away; `wait` sleeps, and says whether to stop."""

    def __init__(
        self,
        settings: ArchiveSettings,
        metrics: ArchiveMetrics,
        wait: Callable[[float], bool],
        open_: Callable[[], Target] | None = None,
    ) -> None:
        self._settings, self._metrics, self._wait = settings, metrics, wait
        self._open = open_ or (lambda: open_target(settings.target))
        self._archiver: Archiver | None = None
        self._client: Client | None = None
        self._failing_since: float | None = None
        self._said = ""
        self._backoff_s = BACKOFF_FIRST_S
        self.acted_at = time.monotonic()

    def run(self) -> None:
        """Until `wait` says so; raises `TargetRefused`."""
        self._metrics.watch(self._settings.every_s)
        while not self._wait(self.step()):
            pass

    def step(self) -> float:
        """Archive everything that has landed; returns the seconds until it is to be called again."""
        with about(fresh("archive")):
            return self._step()

    def _step(self) -> float:
        self.acted_at = time.monotonic()
        try:
            self._archive_all()
        except TargetRefused:
            raise
        except Exception as error:  # whatever it is, what has landed is still there
            return self._failed(error)
        self._metrics.complete.set(time.time())
        if self._failing_since is not None:
            log.warning(
                "archiving goes on after %.0f s; nothing is missing", time.monotonic() - self._failing_since
            )
        self._failing_since, self._said, self._backoff_s = None, "", BACKOFF_FIRST_S
        return self._settings.every_s

    def close(self) -> None:
        client, self._client, self._archiver = self._client, None, None
        if client is not None:
            with suppress(Exception):
                client.close()

    def _archive_all(self) -> None:
        if self._archiver is None:
            target = self._open()
            check_lock(target, self._settings.target)
            if not mark_as_ours(target):
                log.warning("%s writes over what is there: run no second archiver on it", target.name)
            if isinstance(target, FolderTarget):
                target.sweep()
            self._client = connect(self._settings.clickhouse)
            self._archiver = Archiver(
                target,
                self._client,
                Choices(self._settings.entries, self._settings.parquet),
                self._settings.round_rows,
                signatures=signatures_of(self._settings.target),
            )
        else:
            check_lock(self._archiver.target, self._settings.target)
        while self._round(self._archiver):
            if self._wait(0):
                break

    def _round(self, archiver: Archiver) -> bool:
        """Whether there was one to do."""
        with tracing.span("archive round") as span:
            manifest = archiver.step()
            if manifest is None:
                span.drop()
                return False
            self.acted_at = time.monotonic()
            self._count(manifest)
            span.set(
                {
                    "trailhouse.round": manifest.plan.number,
                    "trailhouse.entries": manifest.events,
                    "trailhouse.copies": manifest.copies,
                    "trailhouse.rejected": manifest.rejected,
                    "trailhouse.gone": manifest.gone,
                }
            )
            return True

    def _failed(self, error: Exception) -> float:
        self.close()
        self._metrics.failures.inc()
        said = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        if said != self._said:
            level = logging.CRITICAL if isinstance(error, ArchiveBroken) else logging.ERROR
            log.log(level, "cannot archive, trying again until it works: %s", said)
        self._said = said
        if self._failing_since is None:
            self._failing_since = time.monotonic()
        wait_s, self._backoff_s = self._backoff_s, min(2 * self._backoff_s, BACKOFF_MAX_S)
        return min(wait_s, self._settings.every_s)

    def _count(self, manifest: Manifest) -> None:
        metrics = self._metrics
        metrics.rounds.inc()
        metrics.bytes.inc(sum(file.size for file in manifest.files))
        counts = {
            "entry": manifest.events,
            "copy": manifest.copies,
            "rejected": manifest.rejected,
            "gone": manifest.gone,
        }
        for kind, count in counts.items():
            metrics.records.labels(kind).inc(count)
        metrics.missing.inc(
            sum(last - first + 1 for each in manifest.plan.ranges for first, last in each.missing)
        )
        log.info(
            "round %d: %d entries, %d copies, %d rejected, %d expired",
            manifest.plan.number,
            *counts.values(),
        )


def run(settings: ArchiveSettings) -> None:
    """Run until told to stop (SIGTERM, SIGINT); a target that is refused ends it with status 70."""
    log_to_stderr(settings.logs, "archive")
    tracing.start(settings.traces, "archive")
    for driver in ("s3fs", "aiobotocore", "botocore", "fsspec"):
        logging.getLogger(driver).setLevel(logging.CRITICAL)  # what they tell they raise as well
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    metrics = ArchiveMetrics()
    keeper = Keeper(settings, metrics, stopping.wait)
    serve_metrics(
        metrics.registry,
        settings.metrics,
        lambda: time.monotonic() - keeper.acted_at < SILENT_AFTER_S + settings.every_s,
    )
    try:
        keeper.run()
    except (TargetRefused, ModuleNotFoundError) as error:
        log.critical("%s; %s", error, getattr(error, "hint", ""))
        raise SystemExit(EXIT_INFRASTRUCTURE) from None
    finally:
        keeper.close()
        tracing.stop()
