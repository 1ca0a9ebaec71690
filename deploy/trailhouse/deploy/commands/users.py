"""`trailhouse users`: who belongs to an organisation, where they stand, and rosters that say so."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trailhouse.deploy.options import Data, Format, FormatOption, print_json, print_table, say

if TYPE_CHECKING:
    from trailhouse.producers.importers.reject import Read
    from trailhouse.queries.directory import Directory

app = typer.Typer(help="List, search and export users; import a roster.", no_args_is_help=True)


class UsersFormat(StrEnum):
    """How users are printed; `csv` is W&B's eleven columns."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


Org = Annotated[str | None, typer.Option(help="Organisation; may be left out where there is only one.")]
Kind = Annotated[
    str, typer.Option(metavar="people|service_accounts|all", help="Service accounts are listed apart.")
]
StatusOption = Annotated[
    str | None,
    typer.Option(
        metavar="STATUS",
        help="Only these: active, dormant, never_active, invite_pending or deactivated (docs/users.md).",
    ),
]
Sort = Annotated[
    str, typer.Option(metavar="name|last_active|added|active_days", help="In which order they come.")
]
Timezone = Annotated[
    str | None,
    typer.Option(
        metavar="ZONE",
        help="IANA time zone of times and of the days that count; else the organisation's, else UTC.",
    ),
]
Profile = Annotated[
    str,
    typer.Option(
        metavar="saas|dedicated|self_managed",
        help="Whose words and rules decide what is active (docs/users.md).",
    ),
]
Limit = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Print the first N; the line below counts all found.")
]
Masked = Annotated[bool, typer.Option("--masked", help="Show hashes in place of who people are.")]
Form = Annotated[UsersFormat, typer.Option("--format", help="How to print.")]


@app.command("list")
def list_(  # noqa: PLR0913 - each argument is an option
    *,
    org: Org = None,
    kind: Kind = "people",
    status: StatusOption = None,
    sort: Sort = "name",
    timezone: Timezone = None,
    profile: Profile = "self_managed",
    limit: Limit = None,
    masked: Masked = False,
    data: Data = None,
    format: Form = UsersFormat.TABLE,  # noqa: A002 - the option's name
) -> None:
    """List everybody of an organisation: invited, listed in a roster, or seen to act."""
    asked = {"org": org, "kind": kind, "status": status, "sort": sort, "timezone": timezone}
    _print(_read(data, profile, format, asked, masked=masked), format, limit)


@app.command()
def search(  # noqa: PLR0913 - each argument is an option
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="A part of a name or e-mail address, in any case.")
    ],
    *,
    org: Org = None,
    kind: Kind = "all",
    sort: Sort = "name",
    timezone: Timezone = None,
    profile: Profile = "self_managed",
    limit: Limit = None,
    data: Data = None,
    format: Form = UsersFormat.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Find people and service accounts by name or e-mail address; exit code 1 when there are none."""
    asked = {"org": org, "kind": kind, "sort": sort, "timezone": timezone, "search": text}
    found = _read(data, profile, format, asked, masked=False)
    _print(found, format, limit)
    if not found.people:
        raise typer.Exit(1)


@app.command()
def export(  # noqa: PLR0913 - each argument is an option
    *,
    org: Org = None,
    kind: Kind = "people",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write here, for its owner alone; else to stdout."
        ),
    ] = None,
    timezone: Timezone = None,
    profile: Profile = "self_managed",
    masked: Masked = False,
    data: Data = None,
) -> None:
    """Export everybody as CSV: W&B's eleven columns, a row per user."""
    from trailhouse.deploy.folder import private_files  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.queries import directory_export  # noqa: PLC0415

    asked = {"org": org, "kind": kind, "timezone": timezone}
    found = _read(data, profile, UsersFormat.CSV, asked, masked=masked)
    if output is None:
        _print(found, UsersFormat.CSV)
        return
    with private_files():
        output.write_bytes(directory_export.csv(found.people).encode())
    say(f"{len(found.people):,} users of {found.org} in {output}")


@app.command("import")
def import_(  # noqa: PLR0913 - each argument is an option
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="CSV with a header, plain, .gz, .bz2 or .zst; - is stdin.")
    ],
    *,
    org: Annotated[
        str | None,
        typer.Option(metavar="ORG", help="Organisation; may be left out where a column org_id says it."),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="The moment the roster describes; what happened later wins. Else when the file was changed last.",
        ),
    ] = None,
    delimiter: Annotated[
        str, typer.Option(metavar="CHAR", help="What separates cells; `tab` for a tab.")
    ] = ",",
    rejects: Annotated[
        Path | None, typer.Option("--rejects", metavar="FILE", help="Write every row that cannot be used.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Return when everybody can be listed.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read everything and send nothing; print the first events.")
    ] = False,
    data: Data = None,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Import a roster: who belongs to the organisation, from a CSV file (docs/users.md).

    Importing the same file again changes nothing. Rows say what is so at one moment; events and rosters of a later
    moment win, whichever comes first.
    """
    from trailhouse.deploy.importing import Job, run_job  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.deploy.meter import Meter  # noqa: PLC0415
    from trailhouse.deploy.self_audit import record  # noqa: PLC0415
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415
    from trailhouse.producers.importers.feed import Source  # noqa: PLC0415
    from trailhouse.producers.importers.files import open_input  # noqa: PLC0415
    from trailhouse.producers.importers.roster import Header, read_roster  # noqa: PLC0415

    moment = _moment(file, as_of, datetime.now(UTC))
    header, separator = Header(), "\t" if delimiter in {"tab", "\\t"} else delimiter
    if len(separator) != 1:
        raise typer.BadParameter("one character, or tab", param_hint="--delimiter")
    with open_input(file, sys.stdin.buffer) as opened:
        reads: Iterator[Read] = read_roster(opened, moment, org, header, delimiter=separator)
        if not dry_run:
            record(find_stack(data, os.environ), "directory:import", *([org] if org else []))
        job = Job(rejects, dry_run, 60.0 if wait else None, data)
        source = Source(opened.name, reads, opened.size, lambda: opened.position)
        outcome = run_job(job, [source], Meter(environ=os.environ), os.environ)
    if format is Format.JSON:
        print_json(outcome.to_dict() | {"as_of": moment.isoformat(timespec="milliseconds")})
    else:
        if header.unused:
            say(f"columns not used: {', '.join(header.unused)}")
        say(f"{outcome}; as of {moment:%Y-%m-%dT%H:%M:%SZ}")
    outcome.raise_trouble()


def _moment(file: str, as_of: str | None, now: datetime) -> datetime:
    """What `--as-of` says, else when the file was changed last; never later than now."""
    if as_of is None:
        if file == "-":
            raise typer.BadParameter(
                "needed with standard input, which has no time of its own", param_hint="--as-of"
            )
        stamp = Path(file).stat().st_mtime_ns // 1_000_000 if Path(file).exists() else 0
        return min(datetime.fromtimestamp(stamp / 1000, UTC), now)
    try:
        moment = datetime.fromisoformat(as_of)
    except ValueError:
        raise typer.BadParameter(
            "a time such as 2026-01-31 or 2026-01-31T12:00:00Z", param_hint="--as-of"
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment > now:
        raise typer.BadParameter("lies in the future", param_hint="--as-of")
    return moment.astimezone(UTC)


def _read(
    data: Path | None, profile: str, form: UsersFormat, asked: dict[str, str | None], *, masked: bool
) -> Directory:
    from trailhouse.deploy.self_audit import self_audit  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415
    from trailhouse.queries.caller import Caller  # noqa: PLC0415
    from trailhouse.queries.directory import Wanted, read_directory, record_reading, semantics_of  # noqa: PLC0415
    from trailhouse.queries.errors import BadParameter  # noqa: PLC0415
    from trailhouse.queries.self_audit import Who  # noqa: PLC0415
    from trailhouse.queries.store import ClickHouseStore, Pool  # noqa: PLC0415

    caller = Caller(orgs=None, read_pii=not masked, is_instance=True, is_known=True)
    params = {name: text for name, text in asked.items() if text is not None}
    stack = find_stack(data, os.environ)
    pool = Pool(stack.clickhouse("reader"), size=1)
    try:
        with pool.client() as client:
            found = read_directory(client, caller, Wanted(**params), semantics=semantics_of(profile))
            if not found.total:
                ClickHouseStore(client).check_known(found.org)
    except BadParameter as error:
        raise error.spell("--") from None
    finally:
        pool.close()
    with self_audit(stack) as audit:
        record_reading(audit, Who.operator(), caller, found, form.value)
    return found


def _print(found: Directory, form: UsersFormat, limit: int | None = None) -> None:
    from trailhouse.queries import directory_export  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.queries.standing import Status  # noqa: PLC0415

    page = found.people[:limit]
    if form is UsersFormat.JSON:
        print_json(directory_export.document(found, page))
    elif form is UsersFormat.CSV:
        sys.stdout.buffer.write(directory_export.csv(page).encode())
        sys.stdout.buffer.flush()
    else:
        if page:
            print_table(directory_export.TABLE_COLUMNS, [directory_export.table_row(each) for each in page])
        counts = [f"{count:,} {status.words.lower()}" for status in Status if (count := found.count(status))]
        shown = (
            f"{len(found.people):,}"
            if len(found.people) == found.total
            else f"{len(found.people):,} of {found.total:,}"
        )
        who = f" ({found.total - found.others:,} people, {found.others:,} others)" if found.others else ""
        first = f"the first {len(page):,} of " if len(page) < len(found.people) else ""
        say(" · ".join([f"{first}{shown} in {found.org}{who}", *counts, f"times in {found.timezone}"]))
