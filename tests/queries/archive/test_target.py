"""Targets: files that are created whole and once, in a folder and in a bucket."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.queries.archive.conftest import settings_of

from trailhouse.deploy.ports import free_ports
from trailhouse.queries.archive.errors import ArchiveBroken, TargetRefused, TargetUnavailable
from trailhouse.queries.archive.settings import TargetSettings
from trailhouse.queries.archive.target import INCOMING, FolderTarget, ObjectTarget, Target, open_target


@pytest.fixture(params=["folder", "bucket"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    if request.param == "folder":
        return FolderTarget(tmp_path / "archive")
    bucket: ObjectTarget = request.getfixturevalue("bucket")
    return bucket


def test_a_file_is_created_once(target: Target) -> None:
    """The second writer is told, and changes nothing."""
    assert target.create("a/b/one", b"first")
    assert not target.create("a/b/one", b"second")
    assert target.read("a/b/one") == b"first"


def test_what_there_is_can_be_found(target: Target) -> None:
    """By folder and below it; what is not there is nothing, and no error."""
    for path in ("a/2", "a/1", "a/c/3", "other"):
        assert target.create(path, b"x")
    assert target.names("a") == ["1", "2", "c"]
    assert list(target.walk("a")) == ["a/1", "a/2", "a/c/3"]
    assert target.read("a/nothing") is None
    assert target.names("nothing") == []
    assert list(target.walk("nothing")) == []


def test_no_more_is_read_than_may_be(target: Target) -> None:
    """Which file, how large and how large it may be is said; an empty one is empty."""
    for path, content in (("f", b"x" * 1000), ("empty", b"")):
        assert target.create(path, content)
        assert target.read(path, 1000) == content
    with pytest.raises(ArchiveBroken, match=r"^f has 1,000 bytes; at most 999 bytes are read$"):
        target.read("f", 999)
    target.file_max = 10
    with pytest.raises(ArchiveBroken, match="at most 10 bytes"):
        target.read("f")


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    """A device that gives without end, a pipe that nobody writes to: whoever may write to the folder could put one there."""
    (tmp_path / "device").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("device", "pipe", "folder"):
        with pytest.raises(ArchiveBroken, match=f"{name} is no file"):
            FolderTarget(tmp_path).read(name)


def test_odd_names_stay_what_they_are(target: Target) -> None:
    """A quoted organisation is no pattern and no escape."""
    for path in ("o/%2E%2E/x", "o/a%2Fb/x", "o/a~b*[1]/x"):
        assert target.create(path, path.encode())
        assert target.read(path) == path.encode()
    assert len(list(target.walk("o"))) == 3


def test_half_a_file_is_never_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder's file appears when it is whole and on disk; what a writer that died left is swept a day later."""
    target = FolderTarget(tmp_path)
    seen = []
    monkeypatch.setattr(
        os, "link", lambda draft, final: seen.append((Path(draft).read_bytes(), Path(final).exists()))
    )
    assert target.create("a", b"whole")
    assert seen == [(b"whole", False)]
    left = tmp_path / INCOMING / "left"
    left.write_bytes(b"ha")
    target.sweep()
    assert left.exists()
    target.sweep(left.stat().st_mtime + 86_401)
    assert not left.exists()


def test_what_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    """A full disk, a folder that is a file, a server that is away, a bucket that there is not; keys are not quoted."""
    (tmp_path / "file").write_bytes(b"")
    (port,) = free_ports(1)
    away = open_target(settings_of(f"http://127.0.0.1:{port}", "bucket", timeout_s=1))
    for broken in (FolderTarget(tmp_path / "file"), away):
        with pytest.raises(TargetUnavailable) as caught:
            broken.create("a/b", b"x")
        assert "testing" not in str(caught.value)


def test_a_bucket_that_is_not_there_is_unavailable(s3_url: str) -> None:
    """The store's own word for it is told."""
    with pytest.raises(TargetUnavailable, match=r"NoSuchBucket|FileNotFound"):
        open_target(settings_of(s3_url, "no-such-bucket")).create("a", b"x")


def test_the_settings_name_the_target(tmp_path: Path) -> None:
    """A path, a file URL, another of fsspec's; without one it says what to set."""
    for text in (str(tmp_path), f"file://{tmp_path}"):
        assert open_target(TargetSettings(target=text)).name == str(tmp_path)
    assert open_target(TargetSettings(target="memory://x")).name == "memory://x"
    for text in (str(tmp_path), "memory://x"):
        assert open_target(TargetSettings(target=text, file_mb=16)).file_max == 16 << 20
    hidden = open_target(TargetSettings(target="memory://me:sword@fish@host/x"))
    assert hidden.name == "memory://me:…@host/x"
    assert hidden.create("a", b"1")
    assert hidden.read("a") == b"1"
    with pytest.raises(TargetRefused, match="no archive target"):
        open_target(TargetSettings())
