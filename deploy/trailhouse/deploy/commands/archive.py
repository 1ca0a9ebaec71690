"""`trailhouse archive`: the copy of everything that landed, without personal data, in a folder or a bucket."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trailhouse.deploy.options import Data, Format, FormatOption, print_json, print_table, say

if TYPE_CHECKING:
    from trailhouse.queries.archive.proof import Proof
    from trailhouse.queries.archive.settings import TargetSettings

app = typer.Typer(
    help="Archive what landed into a folder or a bucket; prove that the archive is whole.",
    no_args_is_help=True,
)

TargetOption = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="TARGET",
        help="A folder or a URL (s3://bucket/prefix); else TRAILHOUSE_ARCHIVE_TARGET.",
    ),
]


@app.command("run")
def run() -> None:
    """Run the archive: every ten minutes, what landed since, as files. Settings come from the environment."""
    from trailhouse.deploy.commands.roles import archive  # noqa: PLC0415 - keeps the command line quick

    archive()


@app.command("check")
def check(*, target: TargetOption = None, format: FormatOption = Format.TABLE) -> None:  # noqa: A002 - the option's name
    """Check that the target can be written, keeps what is there, and locks as TRAILHOUSE_ARCHIVE_LOCK_DAYS asks.

    Writes `trailhouse-archive/format.json`, which every archive has. Exit code 1 when the archive would not run.
    """
    from trailhouse.queries.archive.journal import mark_as_ours, standing  # noqa: PLC0415
    from trailhouse.queries.archive.object_lock import check_lock  # noqa: PLC0415
    from trailhouse.queries.archive.signature import signatures_of  # noqa: PLC0415
    from trailhouse.queries.archive.target import open_target  # noqa: PLC0415

    settings = target_settings(target, os.environ)
    opened = open_target(settings)
    lock = check_lock(opened, settings)
    signatures = signatures_of(settings)
    found = {
        "target": opened.name,
        "keeps_what_is_there": mark_as_ours(opened),
        "rounds": standing(opened, signatures).rounds,
        "is_signed": signatures.private is not None,
        "lock_mode": lock.mode if lock else "",
        "lock_days": lock.days if lock else 0,
    }
    if format is Format.JSON:
        print_json(found)
        return
    print_table(("what", "found"), [[name, str(value) or "-"] for name, value in found.items()])
    if not found["keeps_what_is_there"]:
        say("note: this store writes over what is there; run one archiver on it, never two")
    if not lock:
        say(
            "note: no lock was asked for (TRAILHOUSE_ARCHIVE_LOCK_DAYS=0): whoever may delete there may delete the archive"
        )


@app.command("status")
def status(
    *,
    target: TargetOption = None,
    data: Data = None,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Show how far the archive is, and how many raw records wait for its next round."""
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415
    from trailhouse.queries.archive.journal import check_ours, standing  # noqa: PLC0415
    from trailhouse.queries.archive.ledger import pending  # noqa: PLC0415
    from trailhouse.queries.archive.signature import signatures_of  # noqa: PLC0415
    from trailhouse.queries.archive.target import open_target  # noqa: PLC0415
    from trailhouse.sinks.clickhouse import connect  # noqa: PLC0415

    settings = target_settings(target, os.environ)
    opened = open_target(settings)
    check_ours(opened)
    found = standing(opened, signatures_of(settings))
    with closing(connect(find_stack(data, os.environ).clickhouse("analyst"))) as client:
        waiting = {each.key: each.last - each.first + 1 for each in pending(client, found.marks, 1 << 40)}
    rows = [
        {
            "epoch": epoch,
            "partition": partition,
            "archived_to": found.marks.get((epoch, partition), -1),
            "waiting": waiting.get((epoch, partition), 0),
        }
        for epoch, partition in sorted({*found.marks, *waiting})
    ]
    if format is Format.JSON:
        done_at = found.last.done_at if found.last else None
        print_json(
            {"target": opened.name, "rounds": found.rounds, "last_done_at": done_at, "partitions": rows}
        )
        return
    print_table(("topic id", "partition", "archived to", "waiting"), [list(row.values()) for row in rows])
    say(f"rounds: {found.rounds}" + (f", the last one done at {found.last.done_at}" if found.last else ""))


@app.command("verify")
def verify(
    *,
    target: TargetOption = None,
    ledger: Annotated[
        bool, typer.Option("--ledger/--no-ledger", help="Compare with ClickHouse's ledger, too.")
    ] = True,
    data: Data = None,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Prove that the archive is whole: no raw offset missing or double, every file as it was written.

    Reads all of it. Compared with ClickHouse is what landed up to the archived mark. What is wrong is said line by line;
    exit code 1 then.
    """
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415
    from trailhouse.queries.archive.proof import prove  # noqa: PLC0415
    from trailhouse.queries.archive.signature import signatures_of  # noqa: PLC0415
    from trailhouse.queries.archive.sums import differences, ledger_sums  # noqa: PLC0415
    from trailhouse.queries.archive.target import open_target  # noqa: PLC0415
    from trailhouse.sinks.clickhouse import connect  # noqa: PLC0415

    settings = target_settings(target, os.environ)
    proof = prove(open_target(settings), signatures_of(settings))
    if ledger:
        with closing(connect(find_stack(data, os.environ).clickhouse("analyst"))) as client:
            proof.problems += differences(proof.sums, ledger_sums(client, proof.marks))
    if format is Format.JSON:
        print_json(described(proof))
    else:
        print_proof(proof, is_compared=ledger)
    if not proof.is_whole:
        raise typer.Exit(1)


def described(proof: Proof) -> dict[str, Any]:
    """The proof as one JSON document."""
    return {
        "is_whole": proof.is_whole,
        "rounds": proof.rounds,
        "begun": proof.begun,
        "signed": proof.signed,
        "first_day": proof.first_day,
        "last_day": proof.last_day,
        "entries": proof.events,
        "copies": proof.copies,
        "rejected": proof.rejected,
        "gone": proof.gone,
        "files": proof.files,
        "bytes": proof.size,
        "last_manifest_sha256": proof.digest,
        "partitions": [
            {"epoch": epoch, "partition": partition, "archived_to": last}
            for (epoch, partition), last in sorted(proof.marks.items())
        ],
        "problems": proof.problems,
    }


def print_proof(proof: Proof, *, is_compared: bool) -> None:
    """What was proven, then what is wrong."""
    counted = {
        "rounds": proof.rounds,
        "of these signed": proof.signed,
        "entries of the audit log": proof.events,
        "copies of these": proof.copies,
        "rejected records": proof.rejected,
        "expired before": proof.gone,
        "files": proof.files,
        "bytes": proof.size,
    }
    print_table(("what", "count"), [[name, f"{count:,}"] for name, count in counted.items()])
    for problem in proof.problems:
        print(problem)
    if proof.begun is not None:
        say(f"note: round {proof.begun} is begun and not done yet; the archive finishes it")
    if proof.is_whole:
        compared = "and agrees with ClickHouse's ledger" if is_compared else "(not compared with ClickHouse)"
        days = f"{proof.first_day} to {proof.last_day}" if proof.rounds else "no round yet, it is empty"
        say(f"whole {compared}: {days}")
        if proof.digest:
            say(f"the last manifest, of round {proof.rounds}: SHA-256 {proof.digest}")
    else:
        say(f"NOT whole: {len(proof.problems)} problems")


def target_settings(target: str | None, environ: Mapping[str, str]) -> TargetSettings:
    """The settings, with the target named on the command line in place of the environment's."""
    from trailhouse.queries.archive.settings import TargetSettings  # noqa: PLC0415

    return TargetSettings.from_env({**environ, **({"TRAILHOUSE_ARCHIVE_TARGET": target} if target else {})})
