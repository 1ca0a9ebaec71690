"""`trailhouse breaker`: which partitions are held, and letting them go on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from trailhouse.deploy.options import Data, Format, FormatOption, print_json, print_table, say
from trailhouse.deploy.self_audit import record

if TYPE_CHECKING:
    from trailhouse.deploy.stack import Stack
    from trailhouse.stream.breaker import Note

app = typer.Typer(
    no_args_is_help=True,
    help="Show partitions held because most of their records are rejected; let them go on.",
)


@app.command("list")
def list_(*, data: Data = None, format: FormatOption = Format.TABLE) -> None:  # noqa: A002 - the option's name
    """List the partitions that are held, and why. Exit code 1 while there are any."""
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415 - keeps the command line quick

    stack = find_stack(data, os.environ)
    held, ends = _held(stack)
    rows = [
        {
            "partition": number,
            "since": note.since,
            "from_offset": note.offset,
            "waiting": max(0, ends.get(number, note.offset) - note.offset),
            "rejected": note.rejected,
            "of": note.of,
            "reasons": dict(note.reasons),
        }
        for number, note in sorted(held.items())
    ]
    if format is Format.JSON:
        print_json(rows)
    elif rows:
        cells = [
            [*list(row.values())[:-1], ", ".join(f"{name} {count}" for name, count in note.reasons.items())]
            for row, (_, note) in zip(rows, sorted(held.items()), strict=True)
        ]
        print_table(list(rows[0]), cells)
    else:
        say("no partition is held")
    if rows:
        raise typer.Exit(1)


@app.command()
def close(
    partitions: Annotated[
        list[int] | None, typer.Argument(metavar="[PARTITION]...", help="Which; `breaker list` shows them.")
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Every partition that is held.")] = False,
    data: Data = None,
) -> None:
    """Let held partitions go on: what is on them now may be rejected, however much. The workers look every 2 s.

    Nothing is lost by it: what is rejected keeps its bytes, `trailhouse rejected replay` sends it again.
    """
    from trailhouse.deploy.errors import DeployError  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415
    from trailhouse.stream.breaker import Note  # noqa: PLC0415
    from trailhouse.stream.holds import Notes  # noqa: PLC0415

    if bool(partitions) == everything:
        raise typer.BadParameter("name partitions, or --all")
    stack = find_stack(data, os.environ)
    held, ends = _held(stack)
    wanted = set(held) if everything else set(partitions or ())
    if strange := sorted(wanted - set(held)):
        raise DeployError(
            f"partition {strange[0]} is not held", hint="`trailhouse breaker list` shows which are"
        )
    notes = Notes(stack.kafka, _group())
    closed = {
        number: Note(held[number].epoch, max(ends[number], held[number].offset + 1)) for number in wanted
    }
    if closed:
        record(stack, "breaker:close", partitions=" ".join(map(str, sorted(wanted))))
        notes.write(closed)
    notes.close()
    for number in sorted(wanted):
        say(f"closed: records of partition {number} up to offset {closed[number].offset - 1} may be rejected")


def _held(stack: Stack) -> tuple[dict[int, Note], dict[int, int]]:
    """The open notes by partition, of the raw topic as it is now, and where each partition's log ends.

    A note that the group has committed beyond is of a worker that went on since.
    """
    from trailhouse.sinks.balance import read_positions  # noqa: PLC0415
    from trailhouse.stream.gaps import GroupOffsets  # noqa: PLC0415
    from trailhouse.stream.holds import Notes  # noqa: PLC0415

    notes, offsets = Notes(stack.kafka, _group()), GroupOffsets(stack.kafka)
    found, committed = notes.read(), offsets.read(_group(), stack.kafka.raw_topic)
    notes.close()
    offsets.close()
    _, logs, epoch = read_positions(stack.kafka, _group())
    held = {
        number: note
        for number, note in found.items()
        if note.is_open
        and note.epoch == epoch
        and (number not in committed or committed[number].offset <= note.offset)
    }
    return held, {number: end for number, (_, end) in logs.items()}


def _group() -> str:
    return os.environ.get("TRAILHOUSE_STREAM_GROUP", "trailhouse-stream")
