"""`trailhouse rejected`: look at what could not become an event, and send it again."""

from __future__ import annotations

import csv
import hashlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trailhouse.deploy.options import Data, RowsFormat, print_json, print_table, say
from trailhouse.deploy.self_audit import record

if TYPE_CHECKING:
    from trailhouse.deploy.stack import Stack
    from trailhouse.queries.rejected import Rejected, Scope
    from trailhouse.sinks.clickhouse import Client
    from trailhouse.stream.letter import Letter

app = typer.Typer(help="List, show and replay records that could not become events.", no_args_is_help=True)

SHOWN_BYTES_MAX = 64 << 10

Org = Annotated[
    str | None,
    typer.Option(help="Only records that name this organisation; may be left out where there is only one."),
]
AllOrgs = Annotated[
    bool, typer.Option("--all-orgs", help="Records of every organisation, and those that name none.")
]
Why = Annotated[
    str, typer.Option("--reason", metavar="REASON", help="Only this reason (docs/rejections.md).")
]
Since = Annotated[
    str, typer.Option(metavar="TIME", help="Received on this UTC date or later, or from this instant on.")
]
Until = Annotated[
    str, typer.Option(metavar="TIME", help="Received on this UTC date or before, or before this instant.")
]


@app.command("list")
def list_(  # noqa: PLR0913 - each argument is an option
    *,
    org: Org = None,
    all_orgs: AllOrgs = False,
    reason: Why = "",
    since: Since = "",
    until: Until = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Rows at most, the newest first.")] = 50,
    after: Annotated[
        str, typer.Option(metavar="PLACE", help="Go on behind this row, the last one of the page before.")
    ] = "",
    data: Data = None,
    format: Annotated[RowsFormat, typer.Option("--format", help="How to print.")] = RowsFormat.TABLE,  # noqa: A002
) -> None:
    """List rejected records, the newest first: where each lies, why it was rejected, what became of its replay."""
    from trailhouse.queries.rejected import Filter, find_rejected, scope_of  # noqa: PLC0415 - keeps the command line quick

    with _reading(data) as (stack, client):
        scope = scope_of(client, org, every_org=all_orgs)
        wanted = Filter(reason, since, until, after=after)
        rows = find_rejected(client, scope, wanted, limit + 1)
    page = rows[:limit]
    record(stack, "rejected:read", *_orgs(scope, page), rows=len(page), reason=reason)
    _print(page, format)
    if len(rows) > limit:
        say(f"note: there are more: --after {page[-1].place}")


@app.command()
def show(
    place: Annotated[str, typer.Argument(metavar="PLACE", help="Where it lies, as `rejected list` says.")],
    *,
    org: Org = None,
    all_orgs: AllOrgs = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="Write the bytes as they came to stdout, nothing else.")
    ] = False,
    data: Data = None,
) -> None:
    """Show one rejected record: its headers and its bytes as they came. It may hold personal data."""
    from trailhouse.deploy.replaying import read_originals  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.queries.rejected import Scope, find_one, scope_of  # noqa: PLC0415

    with _reading(data) as (stack, client):
        row = find_one(client, scope_of(client, org, every_org=all_orgs), place)
        record(stack, "rejected:read", *_orgs(Scope(row.org), [row]), rows=1, place=place, pii_shown=True)
        originals, letters = read_originals(stack.kafka, [row])
    original, letter = originals.get(row.place), letters.get(row.place)
    if original is None and letter is None:
        raise _gone(row)
    key, value, headers = (original.key, original.value, original.headers) if original else _of_letter(letter)
    if raw:
        sys.stdout.buffer.write(value or b"")
        sys.stdout.buffer.flush()
        return
    is_same = original is not None and (
        bool(letter and letter.stage) or hashlib.sha256(value or b"").hexdigest() == row.digest
    )
    facts = [
        ("place", str(row.place)),
        ("organisation", row.org or "-"),
        ("reason", f"{row.reason}: {row.detail}"),
        ("received", row.received_at.isoformat()),
        ("size", f"{row.size:,} bytes"),
        ("digest", row.digest),
        ("replayed", f"{row.replayed_at.isoformat()}, {row.became}" if row.replayed_at else "-"),
        ("key", "-" if key is None else safe(key)),
        *((f"header {safe(name.encode())}", "-" if each is None else safe(each)) for name, each in headers),
    ]
    width = max(len(name) for name, _ in facts)
    for name, text in facts:
        print(f"{name:{width}}  {text}")
    print()
    print("no value (a tombstone)" if value is None else safe(value[:SHOWN_BYTES_MAX]))
    if value is not None and len(value) > SHOWN_BYTES_MAX:
        say(f"note: cut after {SHOWN_BYTES_MAX:,} of {len(value):,} bytes; --raw prints all")
    if not is_same:
        say("note: these are not the record's bytes as they came: " + _why_not(letter))


@app.command()
def replay(  # noqa: PLR0913 - each argument is an option
    places: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PLACE]...", help="Where they lie, as `rejected list` says."),
    ] = None,
    *,
    org: Org = None,
    all_orgs: AllOrgs = False,
    reason: Why = "",
    since: Since = "",
    until: Until = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Records at most.")] = 10_000,
    edited: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Send this file's bytes in place of the one record's; same id, same organisation.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Also what was replayed before.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also what would be rejected again.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    data: Data = None,
    format: Annotated[RowsFormat, typer.Option("--format", help="How to print.")] = RowsFormat.TABLE,  # noqa: A002
) -> None:
    """Send rejected records to the raw topic again, with the same ids: by place, or by reason and time.

    A record counts once however often it is replayed. Exit code 1 when some were left alone.
    """
    from trailhouse.deploy.replaying import plan, read_originals  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.queries.rejected import Filter, find_one, find_rejected, scope_of  # noqa: PLC0415
    from trailhouse.sinks.clickhouse import connect  # noqa: PLC0415
    from trailhouse.sinks.replay import replay as send  # noqa: PLC0415

    if not places and not reason:
        raise typer.BadParameter("name places, or a --reason")
    if edited is not None and len(places or ()) != 1:
        raise typer.BadParameter("--edited goes with one PLACE")
    content = None if edited is None else edited.read_bytes()
    with _reading(data) as (stack, client):
        scope = scope_of(client, org, every_org=all_orgs)
        if places:
            rows = [find_one(client, scope, place) for place in dict.fromkeys(places)]
        else:
            rows = find_rejected(client, scope, Filter(reason, since, until, only_new=not again), limit + 1)
    if len(rows) > limit:
        say(f"note: the newest {limit:,}; there are more")
    originals, _ = read_originals(stack.kafka, rows[:limit])
    decided = plan(
        rows[:limit],
        originals,
        now_ms=int(time.time() * 1000),
        orgs=_orgs_of_the_topic(),
        edited=content,
        again=again,
        force=force,
    )
    told = [(str(place), f"left alone: {why}") for place, why in decided.skip.items()]
    if dry_run:
        told += [(str(place), "would be sent") for place in decided.send]
    elif decided.send:
        if not yes:
            _confirm(f"send {len(decided.send):,} records to {stack.kafka.raw_topic} again?")
        sent = {row.org for row in rows if row.place in decided.send}
        record(stack, "rejected:replay", *sorted(sent - {""}), records=len(decided.send))
        writer = connect(stack.clickhouse("ingest"))
        went = send(stack.kafka, writer, decided.send)
        writer.close()
        told += [(str(place), f"sent to {to}") for place, to in went.items()]
    _print_rows(("place", "became"), told, format)
    if decided.skip:
        raise typer.Exit(1)


def safe(value: bytes) -> str:
    """Bytes as text that cannot steer a terminal: what is no printable text is shown as its escape."""
    text = value.decode(errors="backslashreplace")
    return "".join(
        each if each.isprintable() or each == "\n" else each.encode("unicode_escape").decode()
        for each in text
    )


@contextmanager
def _reading(data: Path | None) -> Iterator[tuple[Stack, Client]]:
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415
    from trailhouse.sinks.clickhouse import connect  # noqa: PLC0415

    stack = find_stack(data, os.environ)
    client = connect(stack.clickhouse("reader"))
    try:
        yield stack, client
    finally:
        client.close()


def _orgs(scope: Scope, found: Sequence[Rejected]) -> tuple[str, ...]:
    """Where it is recorded; a name that nothing bears is no organisation."""
    return (scope.org,) if scope.org and found else ()


def _orgs_of_the_topic() -> frozenset[str] | None:
    orgs = os.environ.get("TRAILHOUSE_TOPIC_ORGS", "*")
    return None if orgs == "*" else frozenset(org.strip() for org in orgs.split(","))


def _of_letter(
    letter: Letter | None,
) -> tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes | None]]]:
    return (letter.key, letter.value, letter.headers) if letter else (None, None, ())


def _why_not(letter: Letter | None) -> str:
    if letter is not None and letter.stage:
        return "the raw topic does not keep it any more; this is the enriched line that ClickHouse refused"
    return "it was too large to be kept whole, and the raw topic does not keep it any more"


def _gone(row: Rejected) -> Exception:
    from trailhouse.deploy.errors import DeployError  # noqa: PLC0415

    return DeployError(
        f"the bytes of {row.place} are gone",
        cause=f"it was received {row.received_at.isoformat()}; neither the rejected nor the raw topic keeps it any more",
        hint="its row in `rejected` stays; keep the topics longer with their retention.ms",
    )


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise typer.BadParameter("there is no terminal to ask at: --yes sends, --dry-run only says")
    if not typer.confirm(question, err=True):
        raise typer.Exit(1)


def _print(rows: Sequence[Rejected], form: RowsFormat) -> None:
    columns = ("received_at", "place", "org", "reason", "detail", "size", "digest", "replayed_at", "became")
    cells = [
        (
            each.received_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            str(each.place),
            each.org,
            each.reason,
            each.detail,
            each.size,
            each.digest,
            each.replayed_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            if each.replayed_at
            else "",
            _became(each),
        )
        for each in rows
    ]
    if form is RowsFormat.TABLE:  # a terminal is narrow, and a digest is for machines
        short = [(*row[:6], f"{row[8]}") for row in cells]
        _print_rows((*columns[:6], "became"), short, form)
    else:
        _print_rows(columns, cells, form)


def _became(row: Rejected) -> str:
    return f"replayed{' (edited)' if row.is_edited else ''}: {row.became}" if row.became else ""


def _print_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]], form: RowsFormat) -> None:
    import json  # noqa: PLC0415

    if form is RowsFormat.TABLE:
        print_table(columns, [[safe(str(cell).encode()) for cell in row] for row in rows])
    elif form is RowsFormat.CSV:
        from trailhouse.queries.render import FORMULA_STARTS  # noqa: PLC0415

        writer = csv.writer(sys.stdout, lineterminator="\r\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([f"'{cell}" if str(cell)[:1] in FORMULA_STARTS else cell for cell in row])
    else:
        objects = [dict(zip(columns, row, strict=True)) for row in rows]
        if form is RowsFormat.JSON:
            print_json(objects)
        else:
            for each in objects:
                print(json.dumps(each, ensure_ascii=False))
