"""`trailhouse demo`: everything at once, on real data."""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trailhouse.deploy.commands.keys import first_key
from trailhouse.deploy.commands.up import print_key, report_progress
from trailhouse.deploy.errors import StackRunning, StackStarting
from trailhouse.deploy.folder import StackFolder
from trailhouse.deploy.options import say
from trailhouse.deploy.signals import end_on_sigterm, ignore_signals

if TYPE_CHECKING:
    from trailhouse.deploy.stack import Stack


def demo(
    *,
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="State folder of the demo.")] = Path(
        ".demo"
    ),
    git: Annotated[
        Path | None, typer.Option(metavar="PATH", help="A git clone to import; else the current folder's.")
    ] = None,
) -> None:
    """See it work: real git history and a generated company, from Kafka to reports.

    Both go through Kafka, Faust and ClickHouse as any other events would; then it prints four reports about each and
    the books. In a terminal it stays up until Ctrl-C, otherwise it stops everything and keeps the state folder.
    """
    from trailhouse.deploy import launch  # noqa: PLC0415 - keeps the command line quick

    folder = StackFolder.at(data)
    end_on_sigterm()
    say(f"The demo   (state {data}; remove: make demo-clean)")
    try:
        stack = launch.start(folder, os.environ, choice="auto", progress=report_progress)
    except (StackRunning, StackStarting):
        raise
    except BaseException:
        ignore_signals()
        launch.stop(folder)
        raise
    try:
        unaccounted = _show(stack, folder, git)
        if unaccounted:
            raise typer.Exit(1)
        _stay(folder)
    finally:
        ignore_signals()
        say("stopping everything; the state stays")
        launch.stop(folder)


def _show(stack: Stack, folder: StackFolder, git: Path | None) -> int:
    """Send, wait, ask, settle; returns how many records are unaccounted for."""
    from trailhouse.deploy import demo as steps  # noqa: PLC0415
    from trailhouse.deploy.meter import Meter  # noqa: PLC0415
    from trailhouse.sinks.balance import balance  # noqa: PLC0415
    from trailhouse.sinks.clickhouse import connect  # noqa: PLC0415

    script_file = folder.path / "demo.json"
    script = steps.load_script(script_file, datetime.now(UTC).date())
    if script.runs:
        say(
            f"   reusing the state of run {script.runs}: the same events are sent again, and none is counted twice"
        )
    # Before anything is counted: that a key was made is an event, too.
    key = first_key(stack)
    since = time.monotonic()
    history = steps.history_or_reason(
        git or Path(), lambda path: steps.send_history(path, stack, Meter(environ=os.environ), os.environ)
    )
    if isinstance(history, str):
        say(f" - {'git history':<18}         skipped: {history}")
    sent = [
        each
        for each in (history, steps.send_company(script, stack, Meter(environ=os.environ)))
        if not isinstance(each, str)
    ]
    steps.save_run(script_file, script)
    steps.await_all(stack)
    took = time.monotonic() - since
    events, whose = steps.tally(sent, is_key_new=key is not None)
    report_progress(events, took, whose)

    since = time.monotonic()
    client = connect(stack.clickhouse("reader"))
    books = balance(stack.kafka, client, "trailhouse-sink")
    client.close()
    stored = f"stored {books.stored:,} + repeats {books.repeats:,} + rejected {books.rejected:,}"
    summary = f"sent {books.stored + books.repeats + books.rejected:,} = {stored}, unaccounted {books.unaccounted:,}"
    report_progress("reconciled", time.monotonic() - since, summary)

    print(flush=True)
    for table in steps.reports(stack, [each.org for each in sent]):
        print(table, flush=True)
    print(steps.ways_to_ask(stack), flush=True)
    print_sign_in(key, folder)
    return books.unaccounted


def print_sign_in(key: str | None, folder: StackFolder) -> None:
    """The key to sign in to the dashboard with: shown once, when it is made; later how to make another."""
    if key:
        print_key(key)
    else:
        say(
            f"sign in with the admin key of the first run, or: trailhouse keys create --username me --org '*' --scope admin --data {folder.path}"
        )


def _stay(folder: StackFolder) -> None:
    """In a terminal: keep everything up until Ctrl-C."""
    from trailhouse.deploy import launch  # noqa: PLC0415

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        say(f"no terminal: stopping; start it again with `trailhouse up --data {folder.path}`")
        return
    say("\nCtrl-C stops everything.")
    try:
        while launch.is_running(folder):
            time.sleep(0.5)
    except KeyboardInterrupt:
        say("")
