"""Group commit: one fdatasync stands for many, nobody waits for ever, nobody returns too early; the main thread waits for nobody."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable

import pytest

from trailhouse.producers.group_commit import GroupCommit

WAIT_S = 30.0


class File:
    """Appended to by adding to `appended`; each `sync` that has something to do waits for one `go_on`, and fails once broken."""

    def __init__(self) -> None:
        self.appended, self.synced, self.syncs = 0, 0, 0
        self.entered, self.go_on = threading.Semaphore(0), threading.Semaphore(0)
        self.is_broken = False

    def sync(self, end: int | None = None) -> None:
        if end is not None and self.synced >= end:
            return
        if self.is_broken:
            raise OSError(errno.EIO, "Input/output error")
        appended = self.appended
        self.entered.release()
        assert self.go_on.acquire(timeout=WAIT_S)
        self.syncs += 1
        self.synced = max(self.synced, appended)


def begun(call: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    return thread


def ended(*threads: threading.Thread) -> None:
    for each in threads:
        each.join(WAIT_S)
        assert not each.is_alive()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def emitting(group: GroupCommit, file: File, told: list[int | None] | None = None) -> threading.Thread:
    """A thread that waits for what was appended just now; `told` gets what `commit` raised, None for nothing."""
    file.appended += 1
    end = file.appended

    def emit() -> None:
        error = None
        try:
            group.commit(file, end)
            assert file.synced >= end
        except OSError as found:
            error = found.errno
        if told is not None:
            told.append(error)

    return begun(emit)


def test_who_comes_meanwhile_shares_the_next() -> None:
    """Twenty threads, two syncs; what is on the disk already costs none."""
    group, file, told = GroupCommit(), File(), list[int | None]()
    first = emitting(group, file, told)
    assert file.entered.acquire(timeout=WAIT_S)
    others = [emitting(group, file, told) for _ in range(19)]
    until(lambda: len(group._waiting) == 19)
    file.go_on.release(2)
    ended(first, *others)
    assert (file.syncs, file.synced, told) == (2, 20, [None] * 20)
    ended(begun(lambda: group.commit(file, 20)))
    assert file.syncs == 2


def test_each_is_woken_by_the_sync_that_covers_it() -> None:
    """Who came during the second waits for the third, and the first two are gone by then."""
    group, file = GroupCommit(), File()
    first = emitting(group, file)
    assert file.entered.acquire(timeout=WAIT_S)
    second = emitting(group, file)
    until(lambda: len(group._waiting) == 1)
    file.go_on.release()
    ended(first)
    assert file.entered.acquire(timeout=WAIT_S)
    third = emitting(group, file)
    until(lambda: len(group._waiting) == 1)
    file.go_on.release()
    ended(second)
    assert third.is_alive()
    file.go_on.release()
    ended(third)
    assert file.syncs == 3


def test_nobody_returns_before_it_is_on_the_disk() -> None:
    """Many threads, many rounds: whoever returns finds its own end synced."""
    group, file, lock = GroupCommit(), File(), threading.Lock()
    file.go_on.release(10**4)
    wrong: list[int] = []

    def emit() -> None:
        for _ in range(100):
            with lock:
                file.appended += 1
                end = file.appended
            group.commit(file, end)
            if file.synced < end:
                wrong.append(end)

    ended(*[begun(emit) for _ in range(16)])
    assert not wrong
    assert file.synced == file.appended == 1600


def test_what_the_disk_lost_is_told_to_everybody_who_waits_for_it() -> None:
    """And to nobody whose events lie elsewhere."""
    group, file, other, told, apart = GroupCommit(), File(), File(), list[int | None](), list[int | None]()
    first = emitting(group, file, told)
    assert file.entered.acquire(timeout=WAIT_S)
    waiting = [emitting(group, file, told) for _ in range(3)] + [emitting(group, other, apart)]
    until(lambda: len(group._waiting) == 4)
    file.is_broken = True
    other.go_on.release()
    file.go_on.release()
    ended(first, *waiting)
    assert (told[0], sorted(told[1:], key=str), apart) == (None, [errno.EIO] * 3, [None])
    assert not group._is_syncing


@pytest.mark.parametrize("is_busy", [False, True])
def test_the_main_thread_waits_for_nobodys_turn(is_busy: bool) -> None:
    """Signal handlers run there, which may emit amid its own waiting, or raise: it syncs by itself."""
    group, file = GroupCommit(), File()
    first = emitting(group, file) if is_busy else None
    if first is not None:
        assert file.entered.acquire(timeout=WAIT_S)
    file.appended += 1
    file.go_on.release(2)
    group.commit(file, file.appended)
    assert file.synced == file.appended
    ended(*([first] if first else []))
    assert not group._is_syncing
