"""The `trailhouse` command: the table of its subcommands, of which only the one that is run gets loaded."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer

from trailhouse.deploy.failures import USAGE, failure_of


@dataclass(frozen=True, slots=True)
class Command:
    """A subcommand: where it lives (`module:attribute`, a function or a Typer group) and its line in the help.

    `text` is the first line of its docstring; a test holds them together. One that `is_open` takes any option and
    refuses by itself those that mean nothing.
    """

    name: str
    target: str
    text: str
    is_open: bool = False

    def load(self) -> Any:
        module, _, attribute = self.target.partition(":")
        return getattr(importlib.import_module(f"trailhouse.deploy.commands.{module}"), attribute)


COMMANDS: Final = (
    Command(
        "demo", "demo:demo", "See it work: real git history and a generated company, from Kafka to reports."
    ),
    Command("up", "up:up", "Start the local stack: Kafka, ClickHouse, stream, sink, api and alerts."),
    Command("down", "down:down", "Stop the local stack; its data stay."),
    Command(
        "status",
        "status:status",
        "Show where the stack listens, which roles run, and how far behind they are.",
    ),
    Command(
        "doctor",
        "doctor:doctor",
        "Check what is set up wrong: versions, settings, permissions, clocks, topics, grants, room; and say what to do.",
    ),
    Command("users", "users:app", "List, search and export users; import a roster."),
    Command("import", "imports:app", "Import events: a git history, NDJSON or CSV files, or an archive."),
    Command(
        "simulate",
        "simulate:simulate",
        "Make believable organisations: months of events, with incidents to look for.",
    ),
    Command("reports", "rebuild:app", "List the reports, or make a Grafana panel of one."),
    Command(
        "report", "report:report", "Run a report, or list the events behind one of its rows.", is_open=True
    ),
    Command("orgs", "orgs:app", "Say which time zone, week and company organisations have."),
    Command(
        "balance", "balance:balance", "Account for every raw record: stored, rejected, repeated, or missing."
    ),
    Command("rejected", "rejected:app", "List, show and replay records that could not become events."),
    Command("audit", "audit:app", "Fetch the audit log over HTTP."),
    Command("keys", "keys:app", "Make, list and revoke API keys."),
    Command("alerts", "alerts:app", "Be told: of events, of thresholds, of silence."),
    Command(
        "erase",
        "erase:erase",
        "Delete what speaks of a person, for good: no replay, refill or import brings it back.",
    ),
    Command("person", "person:app", "Export everything held about a person."),
    Command("hold", "hold:app", "Forbid erasing and expiry, list or release such holds."),
    Command("retention", "retention:app", "Say how long data is kept, show what would go, let it go."),
    Command(
        "trace",
        "trace:trace",
        "Follow one event: received, enriched, stored or not, counted where, and how long each step took.",
    ),
    Command("conflicts", "conflicts:app", "List or settle ids that came with different contents."),
    Command(
        "seal",
        "seal:seal",
        "Count finished days anew that are not sealed, so that reports over them are fast.",
    ),
    Command("gap", "gap:app", "List raw records that are missing, or accept that they are lost."),
    Command(
        "breaker",
        "breaker:app",
        "Show partitions held because most of their records are rejected; let them go on.",
    ),
    Command("schema", "schema:app", "Print the schemas of what goes through Kafka."),
    Command(
        "size",
        "size:size",
        "Say what a rate of events takes: partitions, workers, sinks, ClickHouse servers, disk.",
    ),
    Command("access", "access:app", "Print the roles, grants and row policies of a ClickHouse of your own."),
    Command("migrate", "schemas:migrate", "Apply the migrations that ClickHouse does not have yet."),
    Command("topics", "schemas:topics", "Create the topics that Kafka does not have yet."),
    Command("stream", "roles:stream", "Run a stream worker: raw events in, enriched events out."),
    Command("sink", "roles:sink", "Run a sink: enriched events into ClickHouse."),
    Command("api", "roles:api", "Run the HTTP API."),
    Command(
        "archive",
        "archive:app",
        "Archive what landed into a folder or a bucket; prove that the archive is whole.",
    ),
    Command("outbox", "outbox:app", "Relay events from the outbox in an application's own database."),
)


def build(words: Sequence[str]) -> typer.Typer:
    """The command line with the subcommands among `words` loaded and all others as a name and a line of help."""
    app = typer.Typer(
        name="trailhouse",
        help="Audit and activity analytics: every event counted once, and provably so.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for command in COMMANDS:
        loaded = command.load() if command.name in words else _not_loaded
        if isinstance(loaded, typer.Typer):
            app.add_typer(loaded, name=command.name, help=command.text)
        else:
            settings = {"allow_extra_args": True, "ignore_unknown_options": True} if command.is_open else None
            app.command(command.name, short_help=command.text, context_settings=settings)(loaded)
    return app


def run(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one command line; returns the exit code. What fails is reported on stderr, never as a traceback."""
    arguments = arguments or ["--help"]
    words = [*arguments[:1], *environ.get("COMP_WORDS", "").split()]
    for driver in ("clickhouse_connect", "kafka"):  # without a log of ours Python would print what they log
        logging.getLogger(driver).addHandler(logging.NullHandler())
    try:
        status = build(words)(args=list(arguments), prog_name="trailhouse", standalone_mode=False)
        sys.stdout.flush()
    except BaseException as error:
        if isinstance(error, BrokenPipeError) or isinstance(error.__context__, BrokenPipeError):
            # The reader has seen enough (`| head`); Python would complain again when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        if isinstance(error, SystemExit) or environ.get("TRAILHOUSE_DEBUG") == "1":
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message(), file=sys.stderr)  # type: ignore[attr-defined]
            return USAGE
        failure = failure_of(error, [command.name for command in COMMANDS])
        print(failure, file=sys.stderr)
        return failure.code
    return status if isinstance(status, int) else 0


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - the form Typer wants
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415

        print(f"trailhouse {version('trailhouse')}")
        raise typer.Exit


def _root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def _not_loaded() -> None:
    raise AssertionError
