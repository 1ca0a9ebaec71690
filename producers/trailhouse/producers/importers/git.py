"""Git histories read as events: one event per commit of every ref, at its author date."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Final

from trailhouse.producers.errors import InvalidEvent
from trailhouse.producers.event import AuditEvent
from trailhouse.producers.field import ORG_ID, ActorType
from trailhouse.producers.identity import derive_id
from trailhouse.producers.importers.bots import is_bot
from trailhouse.producers.importers.errors import UnreadableInput
from trailhouse.producers.importers.reject import Read, Reject
from trailhouse.producers.importers.times import read_time
from trailhouse.producers.moment import format_time

FIELDS: Final = ("%H", "%P", "%at", "%ae", "%an", "%s")

# A hook's or another clone's settings must not send us to a different repository than the one named.
FOREIGN: Final = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
)

# scheme://[user@]host[:port]/path, or the short user@host:path
_URL: Final = re.compile(r"(?:[a-z+]+://[^/]+/|[^/:@\s]+@[^/:\s]+:/?)(?P<path>[^\s?#]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Repository:
    """A clone, and what its events are called: `org_id`, and `name` (`owner/repo` of its remote, else its folder).

    `org_from` says where the organisation comes from: `option`, `remote` or `folder`.
    """

    folder: Path
    org_id: str
    name: str
    org_from: str
    commits: int
    is_shallow: bool
    environ: Mapping[str, str]


def open_repository(path: Path, org_id: str | None, environ: Mapping[str, str]) -> Repository:
    """Look at a clone (bare ones too); raises `UnreadableInput` when it is none or git is missing."""
    environ = {name: value for name, value in environ.items() if name not in FOREIGN}
    if not path.is_dir():
        raise UnreadableInput(f"{path} is no folder", "give the folder of a git clone")
    is_bare = _git(path, environ, "rev-parse", "--is-bare-repository") == "true"
    top = _git(path, environ, "rev-parse", "--absolute-git-dir" if is_bare else "--show-toplevel")
    folder = Path(top).name.removesuffix(".git") or "repository"
    owner, remote_name = read_remote(_remote_url(path, environ))
    org_from = "option" if org_id else "remote" if owner else "folder"
    return Repository(
        folder=path,
        org_id=org_id or _org_id(owner or folder),
        name=remote_name or folder,
        org_from=org_from,
        commits=int(_git(path, environ, "rev-list", "--count", "--exclude=refs/stash", "--all")),
        is_shallow=_git(path, environ, "rev-parse", "--is-shallow-repository") == "true",
        environ=environ,
    )


def read_remote(url: str) -> tuple[str, str]:
    """Owner and `owner/repo` of a remote's address; two empty texts when it names none (a local path)."""
    found = _URL.fullmatch(url)
    path = (
        found["path"].strip("/").removesuffix(".git") if found and not url.lower().startswith("file:") else ""
    )
    return (path.partition("/")[0], path) if "/" in path else ("", "")


def read_history(repository: Repository, latest: datetime) -> Iterator[Read]:
    """One event or reject per commit, oldest first; `line` of a reject is the commit's place in that order.

    Commits git itself made to hold a stash are left out. Raises `UnreadableInput` when git fails.
    """
    command = [
        *(
            "git",
            "--no-pager",
            "--no-replace-objects",
            "-c",
            "log.showSignature=false",
            "-C",
            str(repository.folder),
            "log",
        ),
        *(
            "--exclude=refs/stash",
            "--all",
            "--reverse",
            "--no-color",
            "--no-decorate",
            "--no-notes",
            "--no-patch",
        ),
        *("--encoding=UTF-8", "-z", "--format=tformat:" + "%x00".join(FIELDS)),
    ]
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=complaints, env=dict(repository.environ)
        )
        assert process.stdout is not None
        try:
            for number, commit in enumerate(_commits(process.stdout), 1):
                yield _read_commit(repository, commit, number, latest)
            if process.wait() != 0:
                complaints.seek(0)
                raise _failure(repository.folder, complaints.read().decode(errors="replace"))
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def _commits(stream: IO[bytes]) -> Iterator[list[bytes]]:
    """Groups of `FIELDS`; every field of every commit ends with a NUL, which no field can hold."""
    width, fields, rest = len(FIELDS), [], b""
    while chunk := stream.read(1 << 18):
        fields += (rest + chunk).split(b"\0")
        rest = fields.pop()
        whole = len(fields) - len(fields) % width
        for start in range(0, whole, width):
            yield fields[start : start + width]
        del fields[:whole]


def _read_commit(repository: Repository, commit: list[bytes], number: int, latest: datetime) -> Read:
    sha, parents, seconds, email, name, subject = (field.decode(errors="replace") for field in commit)
    count = parents.count(" ") + 1 if parents else 0
    try:
        return AuditEvent(
            event_id=derive_id(repository.org_id, "git", repository.name, sha),
            occurred_at=format_time(read_time(seconds, "unix", latest)),
            org_id=repository.org_id,
            action=_action(count, subject),
            actor_type=ActorType.SERVICE_ACCOUNT if is_bot(name, email) else None,
            actor_email=email or None,
            actor_name=name or None,
            source="git",
            attributes={"repo": repository.name, "sha": sha, "parents": count},
        )
    except InvalidEvent as error:
        return Reject.of(number, error, b"\t".join(commit))


def _action(parents: int, subject: str) -> str:
    if parents > 1:
        return "commit:merge"
    return "commit:revert" if subject.startswith("Revert ") else "commit:create"


def _remote_url(path: Path, environ: Mapping[str, str]) -> str:
    """Address of `origin`, else of the first remote, else an empty text."""
    listed = _git(path, environ, "config", "--get-regexp", r"^remote\..*\.url$", is_optional=True)
    urls = dict(line.split(" ", 1) for line in listed.splitlines() if " " in line)
    return urls.get("remote.origin.url") or next(iter(urls.values()), "")


def _org_id(name: str) -> str:
    """A name as an organisation id: letters it may not hold become `-`."""
    cleaned = re.sub(r"[^A-Za-z0-9._:-]", "-", name).lstrip("._:-")[:128]
    return cleaned if ORG_ID.fullmatch(cleaned) else "repository"


def _git(path: Path, environ: Mapping[str, str], *arguments: str, is_optional: bool = False) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(path), *arguments], capture_output=True, env=dict(environ), check=False
        )
    except FileNotFoundError:
        raise UnreadableInput(
            "git is not installed", "install git; importing histories runs `git log`"
        ) from None
    if done.returncode != 0 and not is_optional:
        raise _failure(path, done.stderr.decode(errors="replace"))
    return done.stdout.decode(errors="replace").strip()


def _failure(path: Path, complaint: str) -> UnreadableInput:
    lines = [line for line in complaint.splitlines() if line.strip()]
    said = next((line for line in lines if line.startswith("fatal:")), lines[-1] if lines else "git failed")
    hint = (
        "run: git config --global --add safe.directory " + str(path)
        if "dubious ownership" in complaint
        else "give the folder of a git clone"
    )
    return UnreadableInput(f"cannot read the history of {path}: {said.removeprefix('fatal: ')}", hint)
