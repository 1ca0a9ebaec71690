"""The command's frame."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.metadata import version

import pytest
import typer

from trailhouse.deploy.cli import COMMANDS, Command, run
from trailhouse.deploy.invocation import install_line


def trailhouse(*arguments: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "trailhouse.deploy", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "COLUMNS": "80", **(environ or {})},
    )


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_table_says_what_the_command_says(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    """A command's line in the table is the first line of its own help, which works."""
    loaded = command.load()
    if not isinstance(loaded, typer.Typer):
        assert (inspect.getdoc(loaded) or "").splitlines()[0] == command.text
    assert run([command.name, "--help"], {}) == 0
    assert " ".join(command.text.split()) in " ".join(capsys.readouterr().out.split())


def test_help_is_quick_and_loads_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` lists every command, loading no driver and no engine."""
    code = "import sys; from trailhouse.deploy.cli import run; run(['--help'], {}); print(sorted({n.partition('.')[0] for n in sys.modules}))"
    since = time.process_time()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert time.process_time() - since < 0.5
    *shown, modules = done.stdout.splitlines()
    assert all(any(line.strip().startswith(command.name) for line in shown) for command in COMMANDS)
    assert not {"kafka", "clickhouse_connect", "faust", "fastapi", "chdb", "rich", "supervisor"} & set(
        eval(modules)
    )


def test_no_arguments_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Typing the bare command shows what there is."""
    assert run([], {}) == 0
    assert "Usage: trailhouse" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The version printed is the installed one."""
    assert run(["--version"], {}) == 0
    assert capsys.readouterr().out == f"trailhouse {version('trailhouse')}\n"


def test_a_typo_gets_the_command_that_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong usage exits 2, on stderr alone."""
    assert run(["staus"], {}) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error: No such command 'staus'\nhint: a similar command exists: 'status'\n"
    assert run(["status", "--fromat", "json"], {}) == 2
    assert "--format" in capsys.readouterr().err


def test_failures_have_no_traceback() -> None:
    """A command that fails says why on stderr and exits 1; TRAILHOUSE_DEBUG=1 shows the traceback."""
    nowhere = {"TRAILHOUSE_DATA": "/nonexistent/stack"}
    done = trailhouse("status", environ=nowhere)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.match(
        r"error: no stack runs in /nonexistent/stack\nhint: start it: \S*trailhouse up --data /", done.stderr
    )
    assert "Traceback" in trailhouse("status", environ={**nowhere, "TRAILHOUSE_DEBUG": "1"}).stderr


def test_a_reader_that_leaves_early_is_no_error() -> None:
    """`| head -1` ends quietly."""
    code = "import sys; sys.argv = ['trailhouse', 'schema', 'event']; from trailhouse.deploy.__main__ import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_interrupted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C exits 130 without a traceback."""

    def interrupt(_command: Command) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Command, "load", interrupt)
    assert run(["status"], {}) == 130
    assert capsys.readouterr().err == "error: interrupted\n"


def test_without_the_extras_the_command_says_what_to_install() -> None:
    """The bare SDK has no command line; it says which extra brings one."""
    code = "import sys; sys.modules['typer'] = None; from trailhouse.deploy.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"hint: {install_line('local')}"
