"""`trailhouse balance`: do the books balance?"""

from __future__ import annotations

import os

import typer

from trailhouse.deploy.options import Data, Format, FormatOption, print_json, print_table, say


def balance(*, data: Data = None, format: FormatOption = Format.TABLE) -> None:  # noqa: A002 - the option's name
    """Account for every raw record: stored, rejected, repeated, or missing.

    `repeats` are events whose (organisation, id) came before: sent or imported twice, counted once. Unaccounted are
    `missing` raw offsets, and what the ledger says and a table does not hold: events (`not_in_events`), rejects
    (`not_in_rejected`), events in the counts of `action_slots` (`not_in_counts`). `lost` was accepted as lost
    (`trailhouse gap list`), `expired` is what retention let go (`trailhouse retention`), `conflicts` are ids that came
    with different contents (`trailhouse conflicts list`). Judged is what lies below the sink's committed position, and
    gaps it waits for; above it is `in flight`. Exit code 1 when
    anything is unaccounted for, with the ranges of raw offsets, or in conflict.
    """
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.sinks.balance import balance as settle  # noqa: PLC0415
    from trailhouse.sinks.clickhouse import connect  # noqa: PLC0415

    stack = find_stack(data, os.environ)
    client = connect(stack.clickhouse("reader"))
    books = settle(
        stack.kafka,
        client,
        os.environ.get("TRAILHOUSE_SINK_GROUP", "trailhouse-sink"),
        os.environ.get("TRAILHOUSE_STREAM_GROUP", "trailhouse-stream"),
    ).to_dict()
    client.close()
    if format is Format.JSON:
        print_json(books)
    else:
        columns = list(books["partitions"][0]) if books["partitions"] else []
        print_table(columns, [cells(each) for each in books["partitions"]])
        print()
        print_table(
            ("", "records"), [(name, count) for name, count in books.items() if isinstance(count, int)]
        )
    if books["lost"]:
        say(f"note: {books['lost']:,} records were accepted as lost; trailhouse gap list says why")
    if books["unaccounted"]:
        say(f"error: {books['unaccounted']:,} records are unaccounted for")
    if books["conflicts"]:
        say(f"error: {books['conflicts']:,} events came with different contents under one id")
        say("hint: trailhouse conflicts list")
    if books["unaccounted"] or books["conflicts"]:
        raise typer.Exit(1)


def cells(partition: dict[str, object]) -> list[str]:
    """A partition's row; one of which nothing was read yet has neither a first nor a last offset."""
    ends = {name: partition[name] for name in ("first", "last") if name in partition}
    is_empty = ends.get("last") == -1
    return ["-" if is_empty and name in ends else shown(value) for name, value in partition.items()]


def shown(value: object) -> str:
    """A cell: ranges of offsets as `3..7`, none as `-`."""
    if isinstance(value, list | tuple):
        return ", ".join(f"{first}..{last}" for first, last in value) or "-"
    return f"{value:,}" if isinstance(value, int) else str(value)
