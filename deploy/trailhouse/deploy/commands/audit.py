"""`trailhouse audit`: fetch the audit log over HTTP."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from trailhouse.deploy.options import Data, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trailhouse.deploy.audit_client import AuditClient
    from trailhouse.producers.settings import Secret

app = typer.Typer(no_args_is_help=True)
PAGE_EVENTS = "10000"


class LogFormat(StrEnum):
    """How the log is written."""

    NDJSON = "ndjson"
    CSV = "csv"
    PARQUET = "parquet"


@app.callback()
def audit() -> None:
    """Fetch the audit log over HTTP."""


@app.command()
def fetch(  # noqa: PLR0913 - each argument is an option
    *,
    start_date: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="Newest day to fetch, in UTC; else today.")
    ] = None,
    num_days: Annotated[int, typer.Option(min=0, help="Days back from it.")] = 0,
    cursor_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Fetch whatever arrived since the last time instead of days; FILE keeps how far that was.",
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="With --cursor-file: since, until, action, actor, target, outcome or q; may be repeated.",
        ),
    ] = None,
    anonymize: Annotated[bool, typer.Option("--anonymize", help="Without any personal data.")] = False,
    org: Annotated[str | None, typer.Option(help="Organisation, for keys of several.")] = None,
    format: Annotated[LogFormat, typer.Option("--format", help="How to write it.")] = LogFormat.NDJSON,  # noqa: A002
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write it; else to stdout.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="Address of the API; else that of the local stack.")] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File with the API key; else TRAILHOUSE_API_KEY has it."),
    ] = None,
    data: Data = None,
) -> None:
    """Fetch the audit log: whole days as W&B's API gives them, or what arrived since the last time.

    Days in a file appear when they are whole. With --cursor-file events are added to the end of the file, and each page
    is on disk before the cursor moves on: whatever dies, none is missing, and at worst one page is there twice.
    """
    from trailhouse.deploy.audit_client import AuditClient  # noqa: PLC0415 - keeps the command line quick

    if where and cursor_file is None:
        raise typer.BadParameter("goes with --cursor-file only", param_hint="--where")
    if cursor_file is not None and (start_date or num_days or format is not LogFormat.NDJSON):
        raise typer.BadParameter(
            "goes without --start-date, --num-days and --format", param_hint="--cursor-file"
        )
    client = AuditClient(url or _local_url(data), _key(key_file))
    asked = {"org": org} if org else {}
    if anonymize:
        asked["anonymize"] = "true"
    if cursor_file is None:
        asked |= {"numDays": str(num_days), "format": format.value}
        if start_date:
            asked["startDate"] = start_date
        _fetch_days(client, asked, out)
    else:
        for each in where or ():
            name, equals, value = each.partition("=")
            if not equals or name in {"cursor", "format", "limit", "org", "anonymize"}:
                raise typer.BadParameter(f"{each!r} is no NAME=VALUE", param_hint="--where")
            asked[name] = value
        _fetch_new(client, asked, out, cursor_file)


def _fetch_days(client: AuditClient, asked: dict[str, str], out: Path | None) -> None:
    from trailhouse.deploy.audit_client import copy, whole_file  # noqa: PLC0415 - keeps the command line quick

    with client.get("/admin/audit_logs", asked) as answer:
        if out is None:
            copy(answer, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        else:
            with whole_file(out) as file:
                size = copy(answer, file).size
            say(f"{size:,} bytes in {out}")


def _fetch_new(client: AuditClient, asked: dict[str, str], out: Path | None, cursor_file: Path) -> None:
    from trailhouse.deploy.audit_client import copy, whole_file  # noqa: PLC0415 - keeps the command line quick

    cursor = cursor_file.read_text().strip() if cursor_file.exists() else ""
    has_more, events = True, 0
    is_first = not cursor
    while has_more:
        params = asked | {"format": "ndjson", "limit": PAGE_EVENTS} | ({"cursor": cursor} if cursor else {})
        with client.get("/api/v1/events", params) as answer, _appended(out) as file:
            cursor = answer.headers["X-Trailhouse-Cursor"]
            has_more = answer.headers["X-Trailhouse-More"] == "true"
            copied = copy(answer, file)
        with whole_file(cursor_file) as file:
            file.write(cursor.encode() + b"\n")
        events += copied.lines
    since = "from the beginning" if is_first else f"since {cursor_file} was written last"
    say(f"{events:,} events {since}{f' added to {out}' if out else ''}; the next fetch goes on after them")


@contextmanager
def _appended(out: Path | None) -> Iterator[IO[bytes]]:
    """Where a page goes; on disk when the block ends, and as before where it fails."""
    if out is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
        size = file.seek(0, os.SEEK_END)
        try:
            yield file
            file.flush()
        except BaseException:
            file.flush()
            file.truncate(size)
            raise
        os.fsync(file.fileno())


def _key(path: Path | None) -> Secret:
    from trailhouse.deploy.errors import DeployError  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.producers.settings import Secret  # noqa: PLC0415

    text = path.read_text().strip() if path is not None else os.environ.get("TRAILHOUSE_API_KEY", "")
    if not text:
        raise DeployError(
            "this needs an API key",
            hint="export TRAILHOUSE_API_KEY, or --key-file; trailhouse keys create --scope audit:read makes one",
        )
    return Secret(text)


def _local_url(data: Path | None) -> str:
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415 - keeps the command line quick

    return find_stack(data, os.environ).api_url
