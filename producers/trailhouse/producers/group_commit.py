"""Group commit: threads that want what they appended on the disk share one fdatasync after another.

One thread syncs. Who comes meanwhile waits, and is woken once: because a later fdatasync covered it, or to make that one
itself. (DeWitt et al., "Implementation techniques for main memory database systems", SIGMOD 1984.)
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, Protocol


class Synced(Protocol):
    """What is synced: `synced` says how much of what was ever appended is on the disk."""

    synced: int

    def sync(self, end: int | None = None) -> None:
        """Put everything appended so far on the disk, unless that is so up to `end` already. Raises `OSError`."""


def _shut() -> Any:
    gate = threading.Lock()
    gate.acquire()
    return gate


@dataclass(slots=True, eq=False)
class _Turn:
    """A thread that waits at `gate` until `file` is on the disk up to `end`, or until it is the one to put it there."""

    file: Synced
    end: int
    is_next: bool = False
    gate: Any = field(default_factory=_shut)


class GroupCommit:
    """Whose turn it is to sync, and who waits for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_syncing = False
        self._waiting: list[_Turn] = []

    def commit(self, file: Synced, end: int) -> None:
        """Return when `file` is on the disk up to `end`. Raises the `OSError` of its fdatasync, every thread its own."""
        if threading.current_thread() is threading.main_thread():
            # Signal handlers run here alone, and may emit, raise or fork: it waits for nobody's turn, and nobody for its.
            file.sync(end)
            return
        with self._lock:
            if file.synced >= end:
                return
            turn = _Turn(file, end) if self._is_syncing else None
            if turn is None:
                self._is_syncing = True
            else:
                self._waiting.append(turn)
        if turn is not None:
            turn.gate.acquire()
            if not turn.is_next:
                return
        try:
            file.sync(end)
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        with self._lock:
            done = [each for each in self._waiting if each.file.synced >= each.end]
            waiting = [each for each in self._waiting if each.file.synced < each.end]
            following, self._waiting = (waiting[0] if waiting else None), waiting[1:]
            self._is_syncing = following is not None
        if following is not None:
            following.is_next = True
            following.gate.release()  # first: the disk has work while the others wake
        for each in done:
            each.gate.release()
