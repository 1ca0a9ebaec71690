"""`trailhouse up`: start the local stack, in the foreground with its logs, or detached."""

from __future__ import annotations

import os
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trailhouse.deploy.errors import StackRunning
from trailhouse.deploy.folder import DEFAULT, StackFolder
from trailhouse.deploy.options import has_colour, say
from trailhouse.deploy.signals import end_on_sigterm, ignore_signals

if TYPE_CHECKING:
    from trailhouse.deploy.stack import Stack


class Ports(StrEnum):
    """How ports are chosen."""

    AUTO = "auto"
    DEFAULT = "default"


def up(
    *,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="State folder; else TRAILHOUSE_DATA, else ./.trailhouse."),
    ] = None,
    ports: Annotated[
        Ports | None,
        typer.Option(
            help="`default`: the well-known ones (Kafka 9092, ClickHouse 8123, api 8080); `auto`: free ones. Else as at the last start."
        ),
    ] = None,
    partitions: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Partitions of new topics (4).")
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return when everything answers, and leave it running.")
    ] = False,
) -> None:
    """Start the local stack: Kafka, ClickHouse, stream, sink, api and alerts.

    Where it runs already it says so and changes nothing. In the foreground it shows the logs of all of them; Ctrl-C stops everything. Data stay in the state folder.
    """
    from trailhouse.deploy import launch  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.deploy.logs import LogFollower  # noqa: PLC0415
    from trailhouse.deploy.stack import local_stack  # noqa: PLC0415

    folder = StackFolder.at(data or Path(os.environ.get("TRAILHOUSE_DATA") or DEFAULT))
    end_on_sigterm()
    choice = ports.value if ports else None
    try:
        stack = launch.start(
            folder, os.environ, choice=choice, partitions=partitions, progress=report_progress
        )
    except StackRunning:
        if (running := local_stack(folder, os.environ)) is None:  # it has ended this very moment
            raise
        say("already running; options count at the next start")
        print_addresses(running, folder)
        return
    if detach:
        print_addresses(stack, folder)
        print_first_key(stack)
        return
    follower = LogFollower(
        folder.logs, sys.stderr, is_coloured=has_colour(os.environ, is_terminal=sys.stderr.isatty())
    )
    try:  # from the first line on: whoever reads it may already answer with a signal
        print_addresses(stack, folder)
        print_first_key(stack)
        say("Ctrl-C stops everything.")
        while launch.is_running(folder):
            follower.show()
            time.sleep(0.2)
    finally:
        ignore_signals()
        say("stopping …")
        launch.stop(folder)
        follower.show()


def print_addresses(stack: Stack, folder: StackFolder) -> None:
    """Where everything listens, and where the state lies."""
    for name, address in stack.endpoints().items():
        if isinstance(address, str):
            say(f"{name:<12}{address}")
    say(f"{'sql':<12}{stack.sql}")
    say(f"{'state':<12}{folder.path}")


def print_first_key(stack: Stack) -> None:
    """Make the key for everything when the stack has no key yet, and print it: to the terminal, never into a log."""
    from trailhouse.deploy.commands.keys import first_key  # noqa: PLC0415

    if key := first_key(stack):
        print_key(key)


def print_key(key: str) -> None:
    """The key for everything, which is shown this once."""
    say(f"{'admin key':<12}{key}")
    say(
        "            for every organisation and right, and shown this once; trailhouse keys create makes others"
    )


def report_progress(name: str, seconds: float, text: str) -> None:
    """One line for a step that is done."""
    say(f" \N{CHECK MARK} {name:<18}{seconds:>5.1f} s  {text}")
