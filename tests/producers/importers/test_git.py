from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from trailhouse.producers.event import AuditEvent, derive_id
from trailhouse.producers.importers.errors import UnreadableInput
from trailhouse.producers.importers.git import Repository, open_repository, read_history, read_remote
from trailhouse.producers.importers.reject import Read, Reject

LATEST = datetime(2027, 1, 1, tzinfo=UTC)
Git = Callable[..., str]

ENVIRON = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_COMMITTER_NAME": "Committer",
    "GIT_COMMITTER_EMAIL": "committer@example.com",
}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "widgets"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True, env=ENVIRON)
    return folder


@pytest.fixture
def git(clone: Path) -> Git:
    """Runs git in the clone; `author` is `Name <mail>`, `date` the author date."""

    def run(
        *arguments: str, author: str = "Ada <ada@example.com>", date: str = "2026-01-31T12:00:00+05:45"
    ) -> str:
        name, _, mail = author.rstrip(">").partition("<")
        environ = ENVIRON | {
            "GIT_AUTHOR_NAME": name.strip(),
            "GIT_AUTHOR_EMAIL": mail,
            "GIT_AUTHOR_DATE": date,
            "GIT_COMMITTER_DATE": date,
        }
        done = subprocess.run(
            ["git", "-C", str(clone), *arguments], check=True, capture_output=True, env=environ
        )
        return done.stdout.decode().strip()

    return run


def commit(
    git: Git, subject: str, author: str = "Ada <ada@example.com>", date: str = "2026-01-31T12:00:00+05:45"
) -> str:
    git("commit", "-q", "--allow-empty", "-m", subject, author=author, date=date)
    return git("rev-parse", "HEAD")


def raw_commit(git: Git, clone: Path, author: str) -> None:
    """A commit that git itself would not write; `author` as in the object: name, mail, seconds, zone."""
    tree = git("write-tree")
    text = f"tree {tree}\nauthor {author}\ncommitter C <c@example.com> 1780000000 +0000\n\nodd\n"
    done = subprocess.run(
        ["git", "-C", str(clone), "hash-object", "-t", "commit", "-w", "--stdin", "--literally"],
        input=text.encode(),
        check=True,
        capture_output=True,
        env=ENVIRON,
    )
    git("update-ref", f"refs/heads/odd-{done.stdout.decode()[:8]}", done.stdout.decode().strip())


def history(clone: Path, org: str | None = None) -> list[Read]:
    return list(read_history(open_repository(clone, org, ENVIRON), LATEST))


def events(reads: list[Read]) -> list[AuditEvent]:
    return [read for read in reads if isinstance(read, AuditEvent)]


def test_a_commit_becomes_an_event_at_its_author_date(clone: Path, git: Git) -> None:
    """Who, when and what of a commit; its subject stays out, it may name people."""
    git("remote", "add", "origin", "git@example.com:acme/widgets.git")
    sha = commit(git, "Thanks to bob@example.com")
    (event,) = events(history(clone))
    assert event.to_dict() == {
        "event_id": derive_id("acme", "git", "acme/widgets", sha),
        "occurred_at": "2026-01-31T06:15:00.000Z",
        "org_id": "acme",
        "action": "commit:create",
        "actor_email": "ada@example.com",
        "actor_name": "Ada",
        "source": "git",
        "attributes": {"repo": "acme/widgets", "sha": sha, "parents": 0},
    }


def test_merges_reverts_and_bots_are_told_apart(clone: Path, git: Git) -> None:
    """More than one parent is a merge, a subject that begins with Revert a revert, an app no person."""
    commit(git, "One")
    git("checkout", "-q", "-b", "topic")
    commit(git, "Two", author="dependabot[bot] <1+dependabot[bot]@users.noreply.github.com>")
    git("checkout", "-q", "main")
    commit(git, 'Revert "One"')
    commit(git, "Reverting is hard")
    git("merge", "-q", "--no-ff", "-m", "Revert nothing, merge", "topic")
    read = events(history(clone, "acme"))
    kinds = sorted((event.action, event.actor_type) for event in read if event.actor_type is None)
    assert kinds == [("commit:create", None)] * 2 + [("commit:merge", None), ("commit:revert", None)]
    (bot,) = [event for event in read if event.actor_type is not None]
    assert (bot.actor_type, bot.action) == ("service_account", "commit:create")
    assert {event.action: (event.attributes or {})["parents"] for event in read}["commit:merge"] == 2


def test_every_ref_is_read_oldest_first_but_no_stash(clone: Path, git: Git) -> None:
    """Branches, tags and other refs count; what git keeps for a stash is nobody's history."""
    first = commit(git, "One", date="2026-01-01T00:00:00Z")
    git("checkout", "-q", "-b", "side")
    side = commit(git, "Side", date="2026-01-03T00:00:00Z")
    git("tag", "kept")
    git("checkout", "-q", "main")
    git("branch", "-q", "-D", "side")
    pull = commit(git, "Pull", date="2026-01-02T00:00:00Z")
    git("update-ref", "refs/pull/1/head", pull)
    git("reset", "-q", "--hard", first)
    (clone / "file").write_text("x")
    git("add", "file")
    git("stash")
    repository = open_repository(clone, "acme", ENVIRON)
    read = [(event.attributes or {})["sha"] for event in events(history(clone, "acme"))]
    assert read == [first, pull, side]
    assert repository.commits == 3


def test_a_second_import_gives_the_same_events(clone: Path, git: Git) -> None:
    """Importing again, with more commits by then, repeats the old events exactly."""
    for number in range(5):
        commit(git, f"Commit {number}")
    before = history(clone, "acme")
    commit(git, "One more")
    assert history(clone, "acme")[:5] == before


def test_odd_authors_and_dates_are_read_or_rejected_one_by_one(clone: Path, git: Git) -> None:
    """Empty names and mails are left out; a date that cannot be is counted with its reason; nothing stops."""
    commit(git, "Fine")
    raw_commit(git, clone, " <> 1769860000 +0000")
    raw_commit(
        git,
        clone,
        "Böse \udcff".encode(errors="surrogateescape").decode("latin-1")
        + " <b@example.com> 1769860001 +0000",
    )
    raw_commit(git, clone, "Old <old@example.com> -86400 +0000")
    raw_commit(git, clone, "New <new@example.com> 4102444800 +0000")
    raw_commit(git, clone, "Never <never@example.com> 99999999999999 +0000")
    reads = history(clone, "acme")
    read = events(reads)
    assert len(read) + len([each for each in reads if isinstance(each, Reject)]) == 6
    nameless = [event for event in read if event.actor_email is None]
    assert [event.actor_name for event in nameless] == [None]
    reasons = {each.reason for each in reads if isinstance(each, Reject)}
    assert "occurred_at: lies in the future" in reasons
    assert all("@" not in reason for reason in reasons)
    assert "new@example.com" not in str([event.actor_email for event in read])


def test_many_commits_stream_through_any_buffer(clone: Path, git: Git) -> None:
    """Records are cut right wherever the pipe's chunks end, and a reader may stop early."""
    lines = ["feature done"]
    lines += [
        f"commit refs/heads/main\nmark :{number + 1}\n"
        f"author A{number} <a{number % 7}@example.com> {1_700_000_000 + number} +0000\n"
        f"committer C <c@example.com> {1_700_000_000 + number} +0000\ndata 4\nodd\n"
        + (f"from :{number}\n" if number else "")
        for number in range(3_000)
    ]
    subprocess.run(
        ["git", "-C", str(clone), "fast-import", "--quiet", "--done"],
        input=("\n".join(lines) + "\ndone\n").encode(),
        check=True,
        env=ENVIRON,
    )
    read = events(history(clone, "acme"))
    assert [(event.actor_name, event.actor_email) for event in read] == [
        (f"A{number}", f"a{number % 7}@example.com") for number in range(3_000)
    ]
    shas = {str((event.attributes or {})["sha"]) for event in read}
    assert len(shas) == 3_000
    assert {len(sha) for sha in shas} == {40}
    assert isinstance(next(iter(read_history(open_repository(clone, "acme", ENVIRON), LATEST))), AuditEvent)


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://github.com/acme/widgets.git", ("acme", "acme/widgets")),
        ("https://user:secret@example.com/acme/widgets", ("acme", "acme/widgets")),
        ("git@example.com:acme/widgets.git", ("acme", "acme/widgets")),
        ("ssh://git@example.com:22/group/sub/widgets.git/", ("group", "group/sub/widgets")),
        ("/srv/git/widgets.git", ("", "")),
        ("file:///srv/git/widgets.git", ("", "")),
        ("../widgets", ("", "")),
        ("C:/src/widgets", ("", "")),
        ("https://example.com/widgets.git", ("", "")),
        ("", ""),
    ],
)
def test_owner_and_name_come_from_the_remotes_address(url: str, wanted: tuple[str, str]) -> None:
    """All spellings of a remote give its owner; a local path gives none; a password is never part of it."""
    assert read_remote(url) == (wanted or ("", ""))


def opened(clone: Path, org: str | None = None, environ: dict[str, str] | None = None) -> Repository:
    return open_repository(clone, org, ENVIRON | (environ or {}))


def test_the_organisation_is_the_option_else_the_owner_else_the_folder(clone: Path, git: Git) -> None:
    """What is asked for wins; a clone without a remote is called after its folder, and says so."""
    assert (opened(clone).org_id, opened(clone).name, opened(clone).org_from) == (
        "widgets",
        "widgets",
        "folder",
    )
    git("remote", "add", "upstream", "https://example.com/big co/widgets")
    git("remote", "add", "origin", "https://example.com/acme/widgets")
    assert (opened(clone).org_id, opened(clone).name, opened(clone).org_from) == (
        "acme",
        "acme/widgets",
        "remote",
    )
    assert (opened(clone, "mine").org_id, opened(clone, "mine").org_from) == ("mine", "option")


def test_an_owner_with_odd_letters_still_makes_an_organisation(clone: Path, git: Git) -> None:
    """Letters an organisation id may not hold become dashes."""
    git("remote", "add", "origin", "https://git.example.com/~ada/widgets")
    assert (opened(clone).org_id, opened(clone).name) == ("-ada".lstrip("-"), "~ada/widgets")


def test_bare_and_shallow_clones_are_read(clone: Path, git: Git, tmp_path: Path) -> None:
    """A mirror has no work tree; a shallow clone holds a part, and says so."""
    commit(git, "One")
    commit(git, "Two")
    bare, shallow = tmp_path / "mirror.git", tmp_path / "shallow"
    for arguments in (["--bare", str(clone), str(bare)], ["--depth=1", f"file://{clone}", str(shallow)]):
        subprocess.run(["git", "clone", "-q", *arguments], check=True, env=ENVIRON)
    assert (opened(bare).name, opened(bare).commits, opened(bare).is_shallow) == ("mirror", 2, False)
    assert (opened(shallow).commits, opened(shallow).is_shallow) == (1, True)
    assert len(history(shallow)) == 1


def test_variables_of_a_git_hook_do_not_lead_elsewhere(clone: Path, git: Git, tmp_path: Path) -> None:
    """GIT_DIR in the environment names another repository than the folder asked for; the folder wins."""
    commit(git, "One")
    assert opened(clone, environ={"GIT_DIR": str(tmp_path / "elsewhere")}).commits == 1


def test_an_empty_repository_has_no_events(clone: Path) -> None:
    """Nothing to read is no error."""
    assert history(clone) == []


def test_what_is_no_clone_is_refused_with_a_hint(tmp_path: Path) -> None:
    """A folder without a history, and no folder at all."""
    with pytest.raises(UnreadableInput, match="not a git repository") as caught:
        open_repository(tmp_path, None, ENVIRON)
    assert "clone" in caught.value.hint
    with pytest.raises(UnreadableInput, match="is no folder"):
        open_repository(tmp_path / "nowhere", None, ENVIRON)
    with pytest.raises(UnreadableInput, match="git is not installed"):
        open_repository(tmp_path, None, ENVIRON | {"PATH": str(tmp_path)})


def test_a_history_that_breaks_is_told_after_what_could_be_read(clone: Path, git: Git) -> None:
    """A missing object ends the import with git's own words."""
    first = commit(git, "One")
    commit(git, "Two")
    repository = open_repository(clone, "acme", ENVIRON)
    (clone / ".git" / "objects" / first[:2] / first[2:]).unlink()
    with pytest.raises(UnreadableInput, match="cannot read the history"):
        list(read_history(repository, LATEST))
