"""The spool: where accepted events wait on disk until Kafka has them.

`append` is called by emitters one at a time (under the buffer's lock); everything else by the one sender.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from trailhouse.producers.errors import SpoolFailed
from trailhouse.producers.group_commit import GroupCommit
from trailhouse.producers.lifetime import call_in_forked_child
from trailhouse.producers.segment import HEADER_BYTES, SUFFIX, Segment
from trailhouse.producers.settings import SpoolSettings
from trailhouse.producers.store import NoRoom
from trailhouse.producers.transport import Record

log = logging.getLogger("trailhouse.producers")

SEGMENT_BYTES: Final = 8 * 1024 * 1024
SEGMENTS_AT_LEAST: Final = 8
SEGMENTS_AT_MOST: Final = 128
ADOPTED_AT_ONCE: Final = 4
ADOPT_EVERY_S: Final = 5.0
REFUSED: Final = "refused.ndjson"
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Spool:
    """A process's segments in a folder it may share with others, and the ones it adopted from processes that are gone.

    An event is in the page cache when `append` returns (it survives `kill -9`), and on the disk when `sync` has (it
    survives a power cut). A segment is deleted when everything in it is settled. What is read back for sending is a
    window; the rest stays on disk, so memory does not grow.
    """

    def __init__(
        self, folder: Path, settings: SpoolSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder = folder
        self._settings, self._clock = settings, clock
        self._segment_bytes = max(
            settings.bytes // SEGMENTS_AT_MOST, min(SEGMENT_BYTES, settings.bytes // SEGMENTS_AT_LEAST)
        )
        self._is_safe = settings.level == "safe"
        self._own: deque[Segment] = deque()
        self._current: Segment | None = None
        self._adopted: list[Segment] = []
        self._is_appending = False
        self._adopt_at = float("-inf")
        self._group = GroupCommit()
        self._mine = threading.local()
        call_in_forked_child(self.leave)

    @property
    def is_durable(self) -> bool:
        """It outlives the process."""
        return True

    def append(self, event_id: str, value: bytes) -> None:
        """Take one event, in the page cache when this returns.

        Raises `NoRoom` when the folder's cap is reached or the disk is full, `SpoolFailed` when the disk fails; then
        nothing of the event is in the spool.
        """
        if self._is_appending:
            self._append_aside(value)
            return
        self._is_appending = True
        try:
            segment = self._current
            if (
                segment is None
                or segment.is_sealed
                or segment.trouble is not None
                or segment.written + len(value) > self._segment_bytes
            ):
                segment = self._grow()
            segment.append(value)
            if self._is_safe:
                self._mine.last = segment, segment.appended
        except OSError as error:
            raise self._explain(error) from error
        finally:
            self._is_appending = False

    def _explain(self, error: OSError) -> Exception:
        if error.errno in FULL:
            return NoRoom(f"the disk of {self.folder} is full")
        return SpoolFailed(f"the spool {self.folder} cannot be written: {error}")

    def _append_aside(self, value: bytes) -> None:
        """A signal handler emits while its own thread is in `append`: the event gets a segment of its own."""
        try:
            segment = self._create()
            segment.append(value)
            if self._is_safe:
                segment.sync()
        except OSError as error:
            raise self._explain(error) from error
        segment.is_sealed = True
        self._own.appendleft(segment)

    def _grow(self) -> Segment:
        """A new segment at the end; the last one is sealed."""
        last = self._current
        if last is not None and self._is_safe and last.trouble is None:
            last.sync()
        segment = self._create()
        if last is not None:
            last.is_sealed = True
        self._own.append(segment)
        self._current = segment
        return segment

    def _create(self) -> Segment:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        used = self._used()
        if used + self._segment_bytes > self._settings.bytes:
            raise NoRoom(f"the spool {self.folder} holds {used} of at most {self._settings.bytes} bytes")
        segment = Segment.create(self.folder)
        if self._is_safe:
            segment.sync()
            _sync_folder(self.folder)
        return segment

    def _used(self) -> int:
        """Bytes of everybody's segments in the folder."""
        with os.scandir(self.folder) as entries:
            return sum(_size(each) for each in entries if each.name.endswith(SUFFIX))

    def sync(self) -> None:
        """In level `safe`: wait until what this thread appended is on the disk; callers share one fdatasync.

        Raises `SpoolFailed`: the event may or may not survive, and may be sent.
        """
        if not self._is_safe or (last := getattr(self._mine, "last", None)) is None:
            return
        try:
            self._group.commit(*last)
        except OSError as error:
            raise SpoolFailed(f"the spool {self.folder} cannot be synced: {error}") from error

    def has_more(self) -> bool:
        """Whether anything waits to be taken."""
        return any(segment.read < segment.written for segment in (*self._own, *self._adopted))

    def take(self, events: int, size: int) -> list[Record]:
        """The next events, this producer's before adopted ones, up to `events`; the one that crosses `size` is the last."""
        self.adopt()
        records: list[Record] = []
        for segment in (*self._own, *self._adopted):
            if len(records) >= events or size <= 0:
                break
            taken = segment.take(events - len(records), size)
            size -= sum(len(record.value) for record in taken)
            records += taken
            if not taken and segment.is_sealed and segment.is_settled:
                self._remove(segment)
        return records

    def settle(self, records: Iterable[Record]) -> None:
        """These have their outcome, in the order they were taken; what is settled whole is deleted."""
        touched: dict[Segment, None] = {}
        for record in records:
            if (segment := record.segment) is not None:
                segment.settle(record.end)
                touched[segment] = None
        for segment in touched:
            if segment.is_sealed and segment.is_settled:
                self._remove(segment)
            else:
                segment.save_cursor()

    def _remove(self, segment: Segment) -> None:
        """Delete a settled segment; one that somebody syncs at this moment, the next time."""
        if segment.delete_unless_in_use():
            (self._own if segment.is_own else self._adopted).remove(segment)
        else:
            segment.save_cursor()

    def adopt(self, *, at_once: bool = False) -> None:
        """Every few seconds: take over segments whose owners are gone."""
        now = self._clock()
        if (now < self._adopt_at and not at_once) or len(self._adopted) >= ADOPTED_AT_ONCE:
            return
        self._adopt_at = now + ADOPT_EVERY_S
        mine = {segment.path.name for segment in (*self._own, *self._adopted)}
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            if path.name not in mine and (segment := Segment.adopt(path)) is not None:
                if segment.is_settled:
                    segment.delete()
                    continue
                self._adopted.append(segment)
                if len(self._adopted) >= ADOPTED_AT_ONCE:
                    # The rest is for the other processes, or for later.
                    self._adopt_at = now
                    return

    def rest(self) -> None:
        """Nothing is left to send, and nobody appends: leave no delivered event lying about."""
        current = self._current
        if (
            current is not None
            and not current.is_sealed
            and current.is_settled
            and current.written > HEADER_BYTES
        ):
            current.reset()

    def refuse(self, record: Record) -> None:
        """Put an event that Kafka will never take aside, as a line of JSON for people."""
        path = self.folder / REFUSED
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                os.write(fd, record.value + b"\n")
            finally:
                os.close(fd)
        except OSError as error:
            log.critical("event %s was refused and cannot be kept in %s: %s", record.event_id, path, error)

    def rewind(self) -> None:
        """The sender gave up: what is not settled may be taken again."""
        for segment in (*self._own, *self._adopted):
            segment.rewind()

    def close(self) -> None:
        """Leave what is not settled to the next process; a later `append` begins a new segment."""
        if self._is_safe and self._current is not None:
            try:
                self._current.sync()
            except OSError as error:  # whoever emitted it is told by its own `sync`
                log.error("the spool %s cannot be synced: %s", self.folder, error)
        self._current = None
        while self._own:
            _let_go(self._own.popleft())
        while self._adopted:
            _let_go(self._adopted.pop())

    def leave(self) -> None:
        """In a forked child: close the parent's files, whose locks live as long as any copy of them is open."""
        self._group, self._mine = GroupCommit(), threading.local()
        for segment in (*self._own, *self._adopted):
            segment.close()
        self._current = None
        self._own.clear()
        self._adopted.clear()


def _let_go(segment: Segment) -> None:
    with segment.use:
        segment.delete() if segment.is_settled else segment.close()


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except OSError:
        return 0
