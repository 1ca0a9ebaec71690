from __future__ import annotations

import bz2
import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import assume, given
from hypothesis import strategies as st

from trailhouse.producers.importers import files
from trailhouse.producers.importers.errors import UnreadableInput
from trailhouse.producers.importers.files import InputFile, open_input

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": lambda data: zstandard.ZstdCompressor().compress(data),
    "": bytes,
}


def write(folder: Path, name: str, data: bytes) -> str:
    path = folder / name
    path.write_bytes(data)
    return str(path)


@pytest.mark.parametrize("suffix", COMPRESS)
def test_every_compression_gives_the_same_lines_and_name(tmp_path: Path, suffix: str) -> None:
    """Plain, gzip, bzip2 and zstandard files read alike, and are called alike, so that ids survive packing."""
    path = write(tmp_path, "log.jsonl" + suffix, COMPRESS[suffix](b"one\ntwo\n" * 1000))
    with open_input(path, io.BytesIO()) as file:
        assert file.name == "log.jsonl"
        assert list(file.lines()) == [b"one", b"two"] * 1000
        assert file.position == file.size == Path(path).stat().st_size


@pytest.mark.parametrize("suffix", COMPRESS)
def test_standard_input_is_read_whatever_its_compression(suffix: str) -> None:
    """`-` is told from its content; its size is not known."""
    with open_input("-", io.BytesIO(COMPRESS[suffix](b"one\ntwo"))) as file:
        assert (file.name, file.size) == ("-", None)
        assert list(file.lines()) == [b"one", b"two"]


def test_joined_archives_are_read_to_their_end(tmp_path: Path) -> None:
    """Log rotation appends archive to archive; all of them are read."""
    for suffix in (".gz", ".bz2", ".zst"):
        with open_input(
            write(tmp_path, "log" + suffix, COMPRESS[suffix](b"a\n") + COMPRESS[suffix](b"b\n")), io.BytesIO()
        ) as file:
            assert list(file.lines()) == [b"a", b"b"]


@given(st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line)), st.integers(1, 50))
def test_lines_do_not_depend_on_how_the_bytes_arrive(lines: list[bytes], size: int) -> None:
    """Chunks of any size give the lines that were joined; only an empty end is no line."""
    data = b"\n".join(lines)
    assume(not data.startswith((b"\x1f\x8b", b"BZh", b"\x28\xb5\x2f\xfd")))

    class Dribble(io.BytesIO):
        def read1(self, wanted: int | None = -1, /) -> bytes:
            return super().read1(size)

    expected = data.split(b"\n")
    assert list(InputFile("x", Dribble(data)).lines()) == (expected if expected[-1] else expected[:-1])


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".zst"])
def test_a_file_that_breaks_off_gives_its_lines_and_then_the_error(tmp_path: Path, suffix: str) -> None:
    """What can be read is read; the damage is named with the line it came after."""
    noise = b"".join(b"%x\n" % pow(3, n, 2**64) for n in range(100_000))
    whole = COMPRESS[suffix](noise)
    read: list[bytes] = []

    def read_all(file: InputFile) -> None:
        for line in file.lines():
            read.append(line)  # noqa: PERF402  what came before the error counts

    path = write(tmp_path, "log" + suffix, whole[: len(whole) * 2 // 3])
    with (
        open_input(path, io.BytesIO()) as file,
        pytest.raises(UnreadableInput, match="breaks off after line") as caught,
    ):
        read_all(file)
    assert read
    assert read == noise.split(b"\n")[: len(read)]
    assert f"after line {len(read)}:" in str(caught.value)


def test_an_overlong_line_is_cut_and_the_next_one_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line beyond the limit does not fill the memory and does not swallow its neighbours."""
    monkeypatch.setattr(files, "LINE_BYTES_MAX", 100)
    monkeypatch.setattr(files, "CHUNK_BYTES", 64)
    data = b"a\n" + b"x" * 1000 + b"\nb\n"
    assert list(InputFile("x", io.BytesIO(data)).lines()) == [b"a", b"x" * 101, b"b"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error says which file and why."""
    with pytest.raises(UnreadableInput, match="nowhere"), open_input(str(tmp_path / "nowhere"), io.BytesIO()):
        pass
