"""Where archives lie: files that are created whole, once, and never changed.

`create` is the only way to write, and of two writers of one name one is told that it came second. A reader never meets
half a file: a folder gets it by a hard link to a finished one, an object store by one PUT (`If-None-Match: *` where the
store knows it).
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import fsspec

from trailhouse.queries.archive.errors import ArchiveBroken, TargetRefused, TargetUnavailable
from trailhouse.queries.archive.packed import FILE_MAX, too_large
from trailhouse.queries.archive.settings import TargetSettings

#: Unfinished files of a folder; outside of everything that is read.
INCOMING: Final = ".incoming"
#: A file unfinished for so long belongs to nobody any more.
ABANDONED_S: Final = 86_400.0
_S3: Final = frozenset({"s3", "s3a"})
_PASSWORD: Final = re.compile(r"(://[^/:@]*:)[^/]*@")
# Objects go up in one PUT: none is half there, and each is conditional as a whole.
_ONE_PUT: Final = 5 << 30


class Target(Protocol):
    """Where an archive lies; paths are relative, with `/`. Everything raises `TargetUnavailable`. `file_max` = bytes of the
    largest file that is read, as it lies there and unpacked.
    """

    name: str
    file_max: int

    def create(self, path: str, content: bytes) -> bool:
        """Create a file with that content; False when there is one of that name. Durable when it returns."""
        ...

    def read(self, path: str, most: int | None = None) -> bytes | None:
        """A file's content, None when there is none; raises `ArchiveBroken` beyond `most` bytes, `file_max` without."""
        ...

    def names(self, folder: str) -> list[str]:
        """Names (not paths) of what lies in a folder, sorted; [] when there is no such folder."""
        ...

    def walk(self, folder: str) -> Iterator[str]:
        """Paths of all files under a folder."""
        ...


def open_target(settings: TargetSettings) -> Target:
    """The target that the settings name; raises `TargetRefused` when there is none, `ModuleNotFoundError`."""
    if not settings.target:
        raise TargetRefused(
            "no archive target is set", "TRAILHOUSE_ARCHIVE_TARGET=/a/folder, or s3://bucket/prefix"
        )
    scheme = urlsplit(settings.target).scheme
    if scheme in {"", "file", "local"}:
        folder = Path(settings.target.removeprefix(f"{scheme}://") if scheme else settings.target)
        return FolderTarget(folder, settings.file_max)
    options = settings.storage_options
    if scheme in _S3:
        options = _s3_options(options, settings.timeout_s)
    with target_errors(scheme):
        file_system = fsspec.filesystem(scheme, skip_instance_cache=True, use_listings_cache=False, **options)
    return ObjectTarget(file_system, settings.target, settings.file_max)


class FolderTarget:
    """A local folder, or whatever is mounted there and knows hard links."""

    def __init__(self, folder: Path, file_max: int = FILE_MAX) -> None:
        self._folder = folder.absolute()
        self.name = str(self._folder)
        self.file_max = file_max

    def create(self, path: str, content: bytes) -> bool:
        with target_errors(self.name):
            final, incoming = self._folder / path, self._folder / INCOMING
            incoming.mkdir(parents=True, exist_ok=True)
            final.parent.mkdir(parents=True, exist_ok=True)
            draft = incoming / f"{uuid.uuid4().hex}"
            try:
                with draft.open("xb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                try:
                    os.link(draft, final)
                except FileExistsError:
                    return False
            finally:
                draft.unlink(missing_ok=True)
            for folder in (final.parent, *final.parent.parents):
                _sync(folder)
                if folder == self._folder:
                    break
            return True

    def read(self, path: str, most: int | None = None) -> bytes | None:
        most = self.file_max if most is None else most
        with target_errors(self.name):
            try:
                found = (self._folder / path).stat()
                if not stat.S_ISREG(found.st_mode):
                    raise ArchiveBroken(f"{path} is no file")  # a device has no end, a pipe waits for ever
                if found.st_size > most:
                    raise too_large(path, f"has {found.st_size:,} bytes", most)
                with (self._folder / path).open("rb") as file:
                    return file.read(found.st_size)
            except (FileNotFoundError, NotADirectoryError):
                return None

    def names(self, folder: str) -> list[str]:
        with target_errors(self.name):
            try:
                return sorted(each.name for each in (self._folder / folder).iterdir())
            except (FileNotFoundError, NotADirectoryError):
                return []

    def walk(self, folder: str) -> Iterator[str]:
        with target_errors(self.name):
            for each in sorted((self._folder / folder).rglob("*")):
                if each.is_file():
                    yield each.relative_to(self._folder).as_posix()

    def sweep(self, now: float | None = None) -> None:
        """Remove drafts that writers who died left behind, a day after."""
        limit = (time.time() if now is None else now) - ABANDONED_S
        with contextlib.suppress(OSError):
            for each in (self._folder / INCOMING).iterdir():
                if each.stat().st_mtime < limit:
                    each.unlink(missing_ok=True)


class ObjectTarget:
    """A bucket, or another file system of fsspec."""

    def __init__(self, file_system: Any, url: str, file_max: int = FILE_MAX) -> None:
        self.file_system = file_system
        self.file_max = file_max
        # For logs and errors; some file systems take a password in the URL.
        self.name = _PASSWORD.sub(r"\1…@", url.rstrip("/"))
        self.root = str(file_system._strip_protocol(url.rstrip("/"))).rstrip("/")  # noqa: SLF001 - fsspec's way to a path
        self._is_s3 = urlsplit(url).scheme in _S3

    @property
    def bucket(self) -> str:
        return self.root.partition("/")[0]

    @property
    def is_s3(self) -> bool:
        return self._is_s3

    def create(self, path: str, content: bytes) -> bool:
        more: dict[str, Any] = {"chunksize": _ONE_PUT} if self._is_s3 else {}
        with target_errors(self.name):
            try:
                self.file_system.pipe_file(self._at(path), content, mode="create", **more)
            except FileExistsError:
                return False
            except OSError as error:
                # A second writer at the same moment, or one whose answer was lost and that the driver sent again.
                is_second = "Precondition" in str(error) or "ConditionalRequestConflict" in str(error)
                if is_second and self.file_system.exists(self._at(path)):
                    return False
                raise
            return True

    def read(self, path: str, most: int | None = None) -> bytes | None:
        most = self.file_max if most is None else most
        with target_errors(self.name):
            try:
                content = self._first_bytes(path, most + 1)
            except FileNotFoundError:
                return None
            if len(content) > most:
                raise too_large(path, f"has {self._size(path):,} bytes", most)
            return content

    def _first_bytes(self, path: str, count: int) -> bytes:
        """One request; stores refuse to give a part of a file that is empty."""
        try:
            return bytes(self.file_system.cat_file(self._at(path), start=0, end=count))
        except FileNotFoundError:
            raise
        except Exception:
            if self._size(path) == 0:
                return b""
            raise

    def _size(self, path: str) -> int:
        return int(self.file_system.info(self._at(path), refresh=True)["size"])

    def names(self, folder: str) -> list[str]:
        with target_errors(self.name):
            try:
                found = self.file_system.ls(self._at(folder), detail=False, refresh=True)
            except FileNotFoundError:
                return []
            return sorted({str(each).rstrip("/").rpartition("/")[2] for each in found})

    def walk(self, folder: str) -> Iterator[str]:
        with target_errors(self.name):
            try:
                found = self.file_system.find(self._at(folder))
            except FileNotFoundError:
                return
        for each in sorted(found):
            yield str(each)[len(self.root) + 1 :]

    def _at(self, path: str) -> str:
        return f"{self.root}/{path}"


@contextlib.contextmanager
def target_errors(name: str) -> Iterator[None]:
    """Whatever a file system raises, as `TargetUnavailable`; its text may quote keys of requests, so only its kind stays."""
    try:
        yield
    except (TargetUnavailable, TargetRefused, ArchiveBroken, ModuleNotFoundError, GeneratorExit):
        raise
    except Exception as error:
        code = getattr(error, "response", {}) or getattr(error.__cause__, "response", {}) or {}
        told = str(code.get("Error", {}).get("Code", "")) or getattr(error, "strerror", None) or ""
        raise TargetUnavailable(
            f"{name}: {type(error).__name__}{f': {told}' if told else ''}",
            "is it there, is there room, and may we write there? trailhouse archive check",
        ) from error


def _s3_options(options: dict[str, Any], timeout_s: float) -> dict[str, Any]:
    config = {
        "connect_timeout": min(10.0, timeout_s),
        "read_timeout": timeout_s,
        "retries": {"max_attempts": 2, "mode": "standard"},
    }
    return {**options, "config_kwargs": {**config, **options.get("config_kwargs", {})}}


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
