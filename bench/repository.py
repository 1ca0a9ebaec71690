"""A made-up git repository of many commits, written with `git fast-import`."""

from __future__ import annotations

import subprocess
from pathlib import Path
from random import Random

AUTHORS = 300
BRANCHES = 10
START = 1_600_000_000


def make_repository(folder: Path, commits: int, seed: int = 1) -> None:
    """`commits` commits of 300 authors over some five years, on ten branches; the remote's owner is `bench`."""
    subprocess.run(["git", "init", "--quiet", "--bare", str(folder)], check=True)
    subprocess.run(
        ["git", "-C", str(folder), "remote", "add", "origin", "https://git.example/bench/repository.git"],
        check=True,
    )
    process = subprocess.Popen(["git", "-C", str(folder), "fast-import", "--quiet"], stdin=subprocess.PIPE)
    assert process.stdin is not None
    random, clock = Random(seed), START
    with process.stdin as stream:
        for number in range(commits):
            clock += random.randint(1, 3000)
            author = int(AUTHORS * random.random() ** 2)
            branch = f"refs/heads/branch-{number % BRANCHES}"
            message = f"change {number} of file {author}\n"
            content = f"{number}\n"
            stream.write(
                f"commit {branch}\n"
                f"author Author {author} <author{author}@bench.example> {clock - random.randint(0, 600)} +0200\n"
                f"committer Author {author} <author{author}@bench.example> {clock} +0200\n"
                f"data {len(message)}\n{message}"
                f"M 100644 inline files/{author}.txt\ndata {len(content)}\n{content}\n".encode()
            )
    if process.wait():
        raise RuntimeError(f"git fast-import ended with status {process.returncode}")
