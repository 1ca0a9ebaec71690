"""One file of the spool: what is in it after anything happened to it."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from trailhouse.producers import segment as module
from trailhouse.producers.segment import HEADER_BYTES, Segment

VALUES = [b'{"event_id":"0190b3c2-0000-7000-8000-%012d","n":%d}' % (number, number) for number in range(50)]


def written(folder: Path, values: list[bytes]) -> Path:
    """A segment left by a process that is gone."""
    segment = Segment.create(folder)
    for value in values:
        segment.append(value)
    segment.close()
    return segment.path


def adopt(path: Path) -> Segment:
    segment = Segment.adopt(path)
    assert segment is not None
    return segment


def values_of(segment: Segment) -> list[bytes]:
    return [record.value for record in segment.take(10_000, 10**9)]


def test_what_was_appended_is_taken_in_order(tmp_path: Path) -> None:
    """By its owner, with the id and the place of each."""
    segment = Segment.create(tmp_path)
    for value in VALUES:
        segment.append(value)
    records = segment.take(10_000, 10**9)
    assert [record.value for record in records] == VALUES
    assert records[7].event_id == "0190b3c2-0000-7000-8000-000000000007"
    assert [record.end for record in records][-1] == segment.written == segment.path.stat().st_size
    assert all(record.is_own for record in records)
    assert segment.take(10, 1000) == []


def test_it_is_taken_within_the_limits_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By count and by size, also when one read of the file does not hold it all."""
    monkeypatch.setattr(module, "READ_BYTES", 100)
    segment = Segment.create(tmp_path)
    for value in VALUES:
        segment.append(value)
    assert len(segment.take(3, 10**9)) == 3
    assert [record.value for record in segment.take(10, len(VALUES[0]) + 1)] == VALUES[3:5]
    assert values_of(segment) == VALUES[5:]


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    """It holds personal data."""
    assert stat.S_IMODE(Segment.create(tmp_path).path.stat().st_mode) == 0o600


def test_a_segment_is_adopted_once_and_only_from_the_dead(tmp_path: Path) -> None:
    """Locked = its owner lives; of two that want it one gets it; what is gone is not adopted."""
    segment = Segment.create(tmp_path)
    segment.append(VALUES[0])
    assert Segment.adopt(segment.path) is None
    segment.close()
    adopted = adopt(segment.path)
    assert Segment.adopt(segment.path) is None
    assert values_of(adopted) == VALUES[:1]
    assert not adopted.is_own
    adopted.delete()
    assert Segment.adopt(segment.path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_file_removed_between_opening_and_locking_is_not_adopted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last owner delivered and deleted it: sending it again would be pointless, writing to it fatal."""
    path = written(tmp_path, VALUES)
    lock = module._lock
    monkeypatch.setattr(module, "_lock", lambda fd, path: (path.unlink(), lock(fd, path))[1])
    assert Segment.adopt(path) is None


def test_a_file_taken_between_making_and_locking_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process took the new, still unlocked file for a leftover."""
    lock = module._lock
    refusals = iter([False])
    monkeypatch.setattr(module, "_lock", lambda fd, path: next(refusals, None) is None and lock(fd, path))
    segment = Segment.create(tmp_path)
    segment.append(VALUES[0])
    assert values_of(segment) == VALUES[:1]


@pytest.mark.parametrize("kept", [0, 1, 10])
def test_a_torn_last_event_is_cut_at_every_byte(kept: int, tmp_path: Path) -> None:
    """Fault 2: whatever is missing of the last event, the ones before are whole, and nothing raises."""
    start = written(tmp_path, VALUES[:kept]).stat().st_size
    path = written(tmp_path, VALUES[: kept + 1])
    whole = path.read_bytes()
    for size in range(start, len(whole)):
        path.write_bytes(whole[:size])
        segment = adopt(path)
        assert values_of(segment) == VALUES[:kept]
        if kept:
            segment.settle(segment.read)
        assert segment.is_settled
        segment.close()


def test_a_torn_header_holds_nothing(tmp_path: Path) -> None:
    """Killed while it was made: there was no event yet."""
    path = written(tmp_path, [])
    for size in range(HEADER_BYTES):
        os.truncate(path, size)
        assert values_of(adopt(path)) == []


def test_a_damaged_event_keeps_what_is_before_it_and_the_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A flipped bit in the middle: cut at the first bad CRC, said in the log, and the file is kept under another name."""
    path = written(tmp_path, VALUES)
    data = bytearray(path.read_bytes())
    data[data.index(VALUES[30]) + 5] ^= 1
    path.write_bytes(data)
    segment = adopt(path)
    assert values_of(segment) == VALUES[:30]
    assert "damaged at byte" in caplog.text
    segment.settle(segment.read)
    segment.delete()
    assert [each.suffix for each in tmp_path.iterdir()] == [".damaged"]
    assert path.with_suffix(".damaged").read_bytes() == bytes(data)


def test_zeros_are_no_events(tmp_path: Path) -> None:
    """A power cut may leave the length of a file without its content."""
    path = written(tmp_path, VALUES)
    size = path.stat().st_size
    os.truncate(path, size + 4096)
    assert values_of(adopt(path)) == VALUES


def test_the_cursor_saves_repeats(tmp_path: Path) -> None:
    """What was settled is not handed out again by whoever adopts it."""
    segment = Segment.create(tmp_path)
    for value in VALUES:
        segment.append(value)
    segment.settle(segment.take(20, 10**9)[-1].end)
    segment.save_cursor()
    segment.close()
    assert values_of(adopt(segment.path)) == VALUES[20:]


@pytest.mark.parametrize("cursor", [b"\xff" * 8, (31).to_bytes(8, "little"), (10**6).to_bytes(8, "little")])
def test_a_cursor_that_cannot_be_is_not_believed(cursor: bytes, tmp_path: Path) -> None:
    """Then everything is sent again: repeats are harmless, holes are not."""
    path = written(tmp_path, VALUES)
    data = bytearray(path.read_bytes())
    data[8:16] = cursor
    path.write_bytes(data)
    assert values_of(adopt(path)) == VALUES


@pytest.mark.parametrize("cursor", [0, HEADER_BYTES - 1, 10**6])
def test_a_sound_cursor_beyond_the_file_is_not_believed_either(cursor: int, tmp_path: Path) -> None:
    """After a power cut the header may be newer than the length."""
    path = written(tmp_path, VALUES)
    path.write_bytes(module._header(cursor) + path.read_bytes()[HEADER_BYTES:])
    assert values_of(adopt(path)) == VALUES


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Disk full in the middle of an event: it is refused, the file ends with the one before, the next one fits."""
    segment = Segment.create(tmp_path)
    segment.append(VALUES[0])
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(module, "_write", lambda fd, data, _: write(fd, data[: len(data) // 3]))
        patch.setattr(os, "write", lambda fd, data: write(fd, data[: len(data) // 2]))
        with pytest.raises(OSError, match="bytes written"):
            segment.append(VALUES[1])
    assert segment.path.stat().st_size == segment.written
    segment.append(VALUES[2])
    assert values_of(segment) == [VALUES[0], VALUES[2]]


def test_a_python_without_ctypes_writes_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through `os.write`; also what was written in part for once is written whole."""
    monkeypatch.setitem(sys.modules, "ctypes", None)
    monkeypatch.setattr(module, "_write", module._writer())
    segment = Segment.create(tmp_path)
    segment.append(VALUES[0])
    monkeypatch.setattr(module, "_write", lambda fd, data, _: os.write(fd, data[:5]))
    segment.append(VALUES[1])
    assert values_of(segment) == VALUES[:2]
    assert segment.path.stat().st_size == segment.written


def test_rewinding_hands_out_what_is_not_settled_again(tmp_path: Path) -> None:
    """The sender gave up; the next one begins where Kafka stopped."""
    segment = Segment.create(tmp_path)
    for value in VALUES:
        segment.append(value)
    segment.settle(segment.take(50, 10**9)[9].end)
    segment.rewind()
    assert values_of(segment) == VALUES[10:]


def test_a_reset_segment_is_empty_and_goes_on(tmp_path: Path) -> None:
    """Nothing delivered stays on the disk."""
    segment = Segment.create(tmp_path)
    segment.append(VALUES[0])
    segment.settle(segment.take(1, 10**9)[0].end)
    segment.reset()
    assert segment.path.stat().st_size == HEADER_BYTES
    segment.append(VALUES[1])
    assert values_of(segment) == VALUES[1:2]
    segment.close()
    assert values_of(adopt(segment.path)) == VALUES[1:2]


def test_a_dropped_segment_lets_go_of_its_lock(tmp_path: Path) -> None:
    """A producer that was never closed does not keep its events from others."""
    segment = Segment.create(tmp_path)
    segment.append(VALUES[0])
    path = segment.path
    del segment
    assert values_of(adopt(path)) == VALUES[:1]
