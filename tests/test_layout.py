"""The tree itself: one package out of five source roots, small modules with telling names, a test for each."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.order import LONGEST, place_of

ROOT = Path(__file__).parents[1]
STAGES = ("producers", "stream", "sinks", "queries", "deploy")
LINES_MAX = 400
FORBIDDEN = {"util", "utils", "helper", "helpers", "common", "misc", "base", "manager", "core", "v2"}

# Modules without a test file of their own name, and what shows that they work.
TESTED_ELSEWHERE = {
    # Error types hold no logic; who raises and who prints them does.
    "sinks/errors": "tests/sinks/test_migrate.py",
    "deploy/errors": "tests/deploy/test_failures.py",
    "queries/archive/errors": "tests/queries/archive/test_target.py",
    # Types that hold no logic; what they say is shown by those who carry it out.
    "producers/simulation/step": "tests/producers/simulation/test_organisation.py",
    # What only a running process can show.
    "deploy/child": "tests/deploy/kafka/test_broker.py",
    "deploy/launch": "tests/integration/test_local_stack.py",
    "deploy/programs": "tests/deploy/test_supervisor.py",
    "deploy/commands/up": "tests/integration/test_local_stack.py",
    "deploy/commands/down": "tests/integration/test_local_stack.py",
    "deploy/commands/status": "tests/integration/test_local_stack.py",
    "deploy/commands/roles": "tests/integration/test_local_stack.py",
    # Parts of the local ClickHouse, which is held to the protocol as a whole by the server's own driver.
    "deploy/clickhouse/body": "tests/deploy/clickhouse/test_conformance.py",
    "deploy/clickhouse/engine": "tests/deploy/clickhouse/test_server.py",
    "deploy/clickhouse/errors": "tests/deploy/clickhouse/test_protocol.py",
    "deploy/clickhouse/job": "tests/deploy/clickhouse/test_conformance.py",
    "deploy/reference/advice": "tests/test_metrics_names.py",
    # The docs themselves are the test.
    **dict.fromkeys(
        (
            f"deploy/reference/{name}"
            for name in ("contract", "page", "report", "running", "storage", "table")
        ),
        "tests/test_docs.py",
    ),
}


def modules() -> Iterator[tuple[str, Path]]:
    """Every module with logic as (`stage/path/name`, file); `__init__` and `__main__` are exports and entry points."""
    for stage in STAGES:
        folder = ROOT / stage / "trailhouse" / stage
        for file in sorted(folder.rglob("*.py")):
            if file.stem not in {"__init__", "__main__"}:
                yield f"{stage}/{file.relative_to(folder).with_suffix('').as_posix()}", file


def source_files() -> list[Path]:
    return sorted(file for stage in STAGES for file in (ROOT / stage).rglob("*.py"))


def test_the_five_portions_make_one_package() -> None:
    """No root has `trailhouse/__init__.py`: it would hide the other four portions (PEP 420)."""
    portions = {
        folder.relative_to(ROOT).as_posix()
        for stage in STAGES
        for folder in (ROOT / stage / "trailhouse").iterdir()
        if folder.name != "__pycache__"
    }
    assert portions == {f"{stage}/trailhouse/{stage}" for stage in STAGES}


@pytest.mark.parametrize("stage", STAGES)
def test_every_portion_is_a_typed_package(stage: str) -> None:
    """Each has its `__init__.py` and its `py.typed`."""
    folder = ROOT / stage / "trailhouse" / stage
    assert (folder / "__init__.py").is_file()
    assert (folder / "py.typed").is_file()


def test_names_say_something() -> None:
    """No module or folder is called utils, helpers, common …, alone or as part of a name."""
    silent = [
        path
        for path in source_files()
        for part in path.relative_to(ROOT).with_suffix("").parts
        if FORBIDDEN & set(part.split("_"))
    ]
    assert silent == []


def test_modules_are_small() -> None:
    """A module over 400 lines mixes concerns; 250 is what to aim for."""
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in source_files()
    }
    assert {path: length for path, length in lengths.items() if length > LINES_MAX} == {}


def test_inits_hold_exports_only() -> None:
    """A package's `__init__.py` has a docstring, imports and `__all__`: no code."""
    allowed = re.compile(r"(from |import |__all__ = |[\s\])\"]|$)")
    inits = [path for path in source_files() if path.name == "__init__.py"]
    for path in inits:
        text = re.sub(r'\A""".*?"""', "", path.read_text(), flags=re.DOTALL)
        assert [line for line in text.splitlines() if not allowed.match(line)] == [], path


@pytest.mark.parametrize("name", [name for name, _ in modules()])
def test_every_module_has_its_test(name: str) -> None:
    """`stage/x/y` is tested in `tests/stage/x/test_y.py`, or elsewhere for a reason."""
    folder, _, module = name.rpartition("/")
    expected = ROOT / "tests" / folder / f"test_{module}.py"
    if name in TESTED_ELSEWHERE:
        assert not expected.exists(), f"{name} has a test file now: take it off the list"
        assert (ROOT / TESTED_ELSEWHERE[name]).is_file()
    else:
        assert expected.is_file()


def test_importing_modules_does_nothing() -> None:
    """No module of ours starts a thread, opens a socket or changes the environment when it is imported."""
    names = [f"trailhouse.{name.replace('/', '.')}" for name, _ in modules()]
    script = f"""
import importlib, os, threading, warnings
warnings.simplefilter("ignore")
before = dict(os.environ)
for name in {names!r}:
    importlib.import_module(name)
assert threading.active_count() == 1, threading.enumerate()
assert os.environ == before
links = [os.readlink(f"/proc/self/fd/{{fd}}") for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{{fd}}")]
assert not [link for link in links if link.startswith("socket:")], links
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    assert done.returncode == 0, done.stderr


def build(kind: str, source: Path, target: Path) -> Path:
    """Build a wheel or an sdist of `source` without fetching anything; the file made."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(target)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (built,) = target.iterdir()
    return built


def test_the_wheel_holds_every_stage(tmp_path: Path) -> None:
    """Code, SQL, reports and `py.typed` of all five stages, and nothing else; also when built from the sdist."""
    wheel = build("wheel", ROOT, tmp_path / "direct")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    wanted = {
        file.relative_to(ROOT / stage).as_posix()
        for stage in STAGES
        for file in (ROOT / stage / "trailhouse").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert packed == wanted
    with tarfile.open(build("sdist", ROOT, tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    with zipfile.ZipFile(build("wheel", source, tmp_path / "again")) as archive:
        assert {name for name in archive.namelist() if ".dist-info/" not in name} == wanted


def test_the_longest_files_of_tests_are_there() -> None:
    """Those that go first are named by their paths, once each."""
    assert [path for path in LONGEST if not (ROOT / path).is_file()] == []
    assert len(set(LONGEST)) == len(LONGEST)
    assert sorted(["tests/a.py", LONGEST[1], LONGEST[0]], key=place_of) == [*LONGEST[:2], "tests/a.py"]
