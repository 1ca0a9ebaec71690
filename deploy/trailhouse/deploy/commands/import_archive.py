"""`trailhouse import archive`: ClickHouse rebuilt from an archive."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from trailhouse.deploy.options import Data, Format, FormatOption, print_json, say


def archive(
    target: Annotated[
        str,
        typer.Argument(metavar="TARGET", help="The archive: a folder, or a URL such as s3://bucket/prefix."),
    ],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read everything and store nothing; say what would be stored.")
    ] = False,
    data: Data = None,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Rebuild ClickHouse from an archive: every table and every count as it was, and nobody's name.

    Goes past Kafka, straight into ClickHouse. What ClickHouse has already is left alone, so running it again, or after it
    was cut off, changes nothing. Needs ClickHouse's admin identity. It is recorded (archive:import).
    """
    from trailhouse.deploy.commands.archive import target_settings  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.deploy.session import operator_session  # noqa: PLC0415
    from trailhouse.queries.archive.restore import restore  # noqa: PLC0415
    from trailhouse.queries.archive.signature import signatures_of  # noqa: PLC0415
    from trailhouse.queries.archive.target import open_target  # noqa: PLC0415

    settings = target_settings(target, os.environ)
    opened, signatures = open_target(settings), signatures_of(settings)
    with operator_session(data) as session:
        if not dry_run:
            scheme, is_url, _ = target.partition("://")
            session.record("archive:import", "*", target=scheme if is_url else "folder")
        done = restore(opened, session.client, signatures, is_trial=dry_run, on_round=_told)
    if format_ is Format.JSON:
        print_json(
            {
                "rounds": done.rounds,
                "stored": done.stored,
                "known": done.known,
                "decisions": done.decisions,
                "is_dry_run": dry_run,
            }
        )
    verb = "would be stored" if dry_run else "stored"
    say(f"{done.rounds} rounds: {done.stored:,} records {verb}, {done.known:,} were there already")


def _told(done: int, rounds: int) -> None:
    if done % 100 == 0:
        say(f"round {done} of {rounds}")
