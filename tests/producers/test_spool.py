"""The spool in its folder: room, adoption, levels, what is left behind."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest
from tests.producers.doubles import ScriptedTransport

from trailhouse.producers import AuditProducer
from trailhouse.producers import segment as segment_module
from trailhouse.producers.errors import SpoolFailed
from trailhouse.producers.segment import HEADER_BYTES, Segment
from trailhouse.producers.settings import SpoolSettings
from trailhouse.producers.spool import ADOPTED_AT_ONCE, REFUSED, Spool
from trailhouse.producers.store import NoRoom
from trailhouse.producers.transport import Record

CAP = 4 * 1024 * 1024
MIB = b"x" * (128 * 1024)


def spool(folder: Path, level: str = "fast") -> Spool:
    return Spool(folder, SpoolSettings(bytes=CAP, level=level))


def named(number: int, value: bytes = b"") -> tuple[str, bytes]:
    return str(number), value or b"%d" % number


def taken(store: Spool) -> list[bytes]:
    return [each.value for each in store.take(10**6, 10**9)]


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.seg"))


def test_nothing_is_made_before_the_first_event(tmp_path: Path) -> None:
    """A producer that emits nothing leaves nothing."""
    store = spool(tmp_path / "new")
    assert not store.has_more()
    assert not (tmp_path / "new").exists()
    store.append(*named(1))
    assert store.has_more()
    assert len(files(tmp_path / "new")) == 1


def test_events_come_back_in_order_over_many_segments(tmp_path: Path) -> None:
    """And every segment whose events are settled is gone."""
    store = spool(tmp_path)
    sent = [b"%06d" % number + MIB for number in range(20)]
    for number, value in enumerate(sent):
        store.append(*named(number, value))
    assert len(files(tmp_path)) > 4
    records = store.take(10**6, 10**9)
    assert [each.value for each in records] == sent
    store.settle(records[:10])
    assert len(files(tmp_path)) < 5
    store.settle(records[10:])
    store.take(1, 1)
    assert [path.stat().st_size for path in files(tmp_path)] == [store._own[-1].written]
    store.rest()
    assert [path.stat().st_size for path in files(tmp_path)] == [HEADER_BYTES]
    store.close()
    assert files(tmp_path) == []


def test_the_folders_cap_holds_and_room_comes_back(tmp_path: Path) -> None:
    """Full = refused, whoever filled it; delivered = room."""
    store, other = spool(tmp_path), spool(tmp_path)
    other.append(*named(0, MIB))
    with pytest.raises(NoRoom, match=rf"of at most {CAP} bytes"):
        for number in range(1000):
            store.append(*named(number, MIB))
    assert CAP // 2 < sum(path.stat().st_size for path in files(tmp_path)) <= CAP
    store.settle(store.take(10**6, 10**9))
    store.append(*named(1, MIB))
    assert taken(other) == [MIB]


def test_what_others_left_is_adopted_after_ones_own(tmp_path: Path) -> None:
    """A few segments at a time; the living keep theirs."""
    alive = spool(tmp_path)
    alive.append(*named(0, b"alive"))
    for number in range(ADOPTED_AT_ONCE + 2):
        gone = spool(tmp_path)
        gone.append(*named(number, b"left"))
        gone.leave()
    store = spool(tmp_path)
    store.append(*named(0, b"mine"))
    records = store.take(10**6, 10**9)
    assert [each.value for each in records] == [b"mine"] + [b"left"] * ADOPTED_AT_ONCE
    assert [each.is_own for each in records] == [True] + [False] * ADOPTED_AT_ONCE
    store.settle(records)
    assert taken(store) == [b"left"] * 2
    assert taken(alive) == [b"alive"]


def test_a_producer_that_closes_delivers_all_that_others_left(tmp_path: Path) -> None:
    """More than it adopts at once, too."""
    folder = tmp_path / "events"
    folder.mkdir(mode=0o700)
    for number in range(2 * ADOPTED_AT_ONCE + 1):
        gone = spool(folder)
        gone.append(*named(number, b"left"))
        gone.leave()
    transport = ScriptedTransport()
    AuditProducer(transport=transport, spool=tmp_path).close()
    assert transport.sent == [b"left"] * (2 * ADOPTED_AT_ONCE + 1)
    assert files(folder) == []


def test_empty_leftovers_are_removed(tmp_path: Path) -> None:
    """Of a process that was killed while it had nothing to send."""
    gone = spool(tmp_path)
    gone.append(*named(1))
    gone.settle(gone.take(10, 10))
    gone.rest()
    gone.leave()
    assert len(files(tmp_path)) == 1
    spool(tmp_path).adopt(at_once=True)
    assert files(tmp_path) == []


def test_closing_leaves_what_is_not_settled(tmp_path: Path) -> None:
    """To whoever comes next; an event after closing gets a new file."""
    store = spool(tmp_path)
    store.append(*named(1))
    store.append(*named(2))
    store.settle(store.take(1, 10))
    store.close()
    store.append(*named(3))
    assert taken(store) == [b"3"]
    store.close()
    heir = spool(tmp_path)
    heir.adopt(at_once=True)
    assert sorted(taken(heir)) == [b"2", b"3"]


def test_a_full_disk_is_no_room_and_leaves_nothing_torn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault 39: in the middle of an event, and when a segment is made; room again, and it goes on."""
    store = spool(tmp_path)
    store.append(*named(1))
    write = os.write

    def half(fd: int, data: bytes) -> int:
        write(fd, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(segment_module, "_write", lambda *_: 0)
        patch.setattr(os, "write", half)
        for fresh in (store, spool(tmp_path)):
            with pytest.raises(NoRoom, match=r"the disk .* is full"):
                fresh.append(*named(2))
    assert len(files(tmp_path)) == 1
    store.append(*named(3))
    assert taken(store) == [b"1", b"3"]


def test_a_broken_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither full nor accepted: the caller knows."""
    store = spool(tmp_path, "safe")
    store.append(*named(1))

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", broken)
    with pytest.raises(SpoolFailed, match="cannot be synced"):
        store.sync()
    with pytest.raises(SpoolFailed, match="cannot be written"):
        store.append(*named(2))
    monkeypatch.setattr(segment_module, "_write", lambda *_: -1)
    monkeypatch.setattr(os, "write", broken)
    with pytest.raises(SpoolFailed, match="cannot be written"):
        store.append(*named(3))


def test_what_a_disk_lost_stays_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux says so once; everybody whose event lies there is told, later events get a file of their own."""
    store = spool(tmp_path, "safe")
    both, lost = threading.Barrier(3), list[str]()
    lock = threading.Lock()

    def emit() -> None:
        with lock:
            store.append(*named(1))
        both.wait(30)
        both.wait(30)
        try:
            store.sync()
        except SpoolFailed as error:
            lost.append(str(error))

    threads = [threading.Thread(target=emit) for _ in range(2)]
    for each in threads:
        each.start()
    both.wait(30)
    fdatasync, failures = os.fdatasync, [OSError(errno.EIO, "Input/output error")]

    def once(fd: int) -> None:
        if failures:
            raise failures.pop()
        fdatasync(fd)

    monkeypatch.setattr(os, "fdatasync", once)
    both.wait(30)
    for each in threads:
        each.join(30)
    assert len(lost) == 2
    store.append(*named(2))
    store.sync()
    assert len(files(tmp_path)) == 2
    assert taken(store) == [b"1", b"1", b"2"]


def test_a_file_that_began_again_is_not_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first life's sync comes back late, with more bytes than its second life has."""
    entered, go_on = threading.Event(), threading.Event()
    fdatasync = os.fdatasync
    synced = 0

    def slow(fd: int) -> None:
        nonlocal synced
        synced += 1
        if synced == 1:
            entered.set()
            go_on.wait(30)
        fdatasync(fd)

    store = spool(tmp_path, "safe")
    store.append(*named(1, b"x" * 1000))
    monkeypatch.setattr(os, "fdatasync", slow)
    first = threading.Thread(target=store._own[0].sync)
    first.start()
    assert entered.wait(30)
    store.settle(store.take(10, 10**6))
    store.rest()
    store.append(*named(2))
    go_on.set()
    first.join(30)
    assert synced == 1
    store.sync()
    assert synced == 2


def test_closing_puts_on_the_disk_what_somebody_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread closes the producer between an event and its sync."""
    store = spool(tmp_path, "safe")
    store.append(*named(1))
    segment, synced = store._own[0], list[int]()
    monkeypatch.setattr(os, "fdatasync", lambda _: synced.append(segment.appended))
    store.close()
    assert synced == [segment.appended]
    store.sync()
    assert len(synced) == 1


def test_a_file_in_use_is_removed_the_next_time(tmp_path: Path) -> None:
    """Somebody syncs it while the sender settles the last of it."""
    store = spool(tmp_path, "safe")
    store.append(*named(0, MIB))
    first = store._own[0]
    while store._own[-1] is first:
        store.append(*named(1, MIB))
    records = store.take(100, 10**9)
    held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with first.use:
            held.set()
            go_on.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(30)
    store.settle(records)
    assert first.path.exists()
    go_on.set()
    thread.join(30)
    store.take(1, 1)
    assert not first.path.exists()
    assert first not in store._own


def test_safe_returns_when_it_is_on_the_disk_and_threads_share_the_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One fdatasync stands for every event appended before it; `fast` makes none."""
    synced: list[int] = []
    entered, go_on = threading.Event(), threading.Event()

    def fdatasync(fd: int) -> None:
        entered.set()
        go_on.wait(30)
        synced.append(os.fstat(fd).st_size)

    fast = spool(tmp_path / "fast")
    fast.append(*named(1))
    fast.sync()
    store = spool(tmp_path / "safe", "safe")
    store.append(*named(0))
    monkeypatch.setattr(os, "fdatasync", fdatasync)
    lock = threading.Lock()

    def emit(number: int) -> None:
        with lock:
            store.append(*named(number))
        store.sync()

    threads = [threading.Thread(target=emit, args=(number,)) for number in range(1, 21)]
    threads[0].start()
    assert entered.wait(30)
    for each in threads[1:]:
        each.start()
    while store._own[-1].written < HEADER_BYTES + sum(8 + len(b"%d" % number) for number in range(21)):
        pass
    go_on.set()
    for each in threads:
        each.join(30)
    assert len(synced) == 2
    assert store._own[-1].synced == store._own[-1].appended


def test_a_full_segment_is_on_the_disk_before_the_next_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In level `safe` a thread that waits for its event waits for the newest segment only."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.append(os.fstat(fd).st_size))
    store = spool(tmp_path, "safe")
    store.append(*named(0, MIB))
    first, size = store._own[-1], 0
    while store._own[-1] is first:
        size = first.written
        store.append(*named(1, MIB))
    assert synced == [HEADER_BYTES, size, HEADER_BYTES]


def test_an_event_emitted_amid_another_gets_a_file_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal handler interrupts the very thread that is writing."""
    store = spool(tmp_path)
    append = Segment.append

    def interrupted(segment: Segment, value: bytes) -> None:
        if value == b"outer":
            store.append(*named(0, b"handler"))
        append(segment, value)

    monkeypatch.setattr(Segment, "append", interrupted)
    store.append(*named(1, b"outer"))
    store.append(*named(2, b"after"))
    assert sorted(taken(store)) == [b"after", b"handler", b"outer"]
    assert len(files(tmp_path)) == 2


def test_what_kafka_refuses_for_good_is_put_aside(tmp_path: Path) -> None:
    """A line of JSON each, for the owner alone: an importer reads it when the trouble is mended."""
    store = spool(tmp_path)
    store.refuse(Record(*named(1, b'{"a":1}')))
    store.refuse(Record(*named(2, b'{"a":2}')))
    assert (tmp_path / REFUSED).read_bytes() == b'{"a":1}\n{"a":2}\n'
    assert (tmp_path / REFUSED).stat().st_mode & 0o777 == 0o600


def test_a_folder_deleted_under_it_is_made_again(tmp_path: Path) -> None:
    """The next segment has a place; the disk's tidier does not stop the service."""
    store = spool(tmp_path / "spool")
    store.append(*named(1))
    (path,) = files(tmp_path / "spool")
    path.unlink()
    path.parent.rmdir()
    fresh = spool(tmp_path / "spool")
    fresh.append(*named(2))
    assert taken(fresh) == [b"2"]
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_does_not_keep_its_parents_locks(tmp_path: Path) -> None:
    """The parent is gone, the child lives on: the parent's events are adopted all the same."""
    store = spool(tmp_path)
    store.append(*named(1, b"parents"))
    read, write = os.pipe()
    forked, say_forked = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(write)
        os.write(say_forked, b".")
        os.read(read, 1)
        os._exit(0)
    os.read(forked, 1)
    path = store._own[-1].path
    store.leave()
    adopted = Segment.adopt(path)
    assert adopted is not None
    assert [each.value for each in adopted.take(9, 99)] == [b"parents"]
    for each in (read, write, forked, say_forked):
        os.close(each)
    os.waitpid(child, 0)
