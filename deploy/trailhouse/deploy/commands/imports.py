"""`trailhouse import`: histories and files into the pipeline, like any other events."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from trailhouse.deploy.commands.import_archive import archive
from trailhouse.deploy.importing import Job, run_job
from trailhouse.deploy.meter import Meter
from trailhouse.deploy.options import Data, Format, FormatOption, print_json, say
from trailhouse.producers.field import ORG_ID
from trailhouse.producers.importers.errors import BadMapping
from trailhouse.producers.importers.feed import Source
from trailhouse.producers.importers.files import InputFile, open_input
from trailhouse.producers.importers.git import Repository, open_repository, read_history
from trailhouse.producers.importers.mapping import EventMapping, compile_mapping
from trailhouse.producers.importers.mapping_text import MappingText, read_mapping_file, read_options
from trailhouse.producers.importers.reject import Read
from trailhouse.producers.importers.rows import read_csv, read_ndjson
from trailhouse.producers.importers.times import AHEAD_MAX

app = typer.Typer(
    help="Import events: a git history, NDJSON or CSV files, or an archive.", no_args_is_help=True
)
app.command("archive")(archive)

Files = Annotated[
    list[str], typer.Argument(metavar="FILE...", help="Plain, .gz, .bz2 or .zst; - is standard input.")
]
Maps = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="FIELD=PATH",
        help="Take a field of the event from this path; alternatives with |, templates as '{a}:{b}' (docs/importing.md).",
    ),
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="Give every event this value, or those whose --map finds nothing.",
    ),
]
MappingFile = Annotated[
    Path | None,
    typer.Option(
        "--mapping", metavar="TOML", help="Read --map, --set and --time-format from a file; options win."
    ),
]
TimeFormat = Annotated[
    str | None,
    typer.Option(
        metavar="FORMAT",
        help="How times are written, if not in ISO 8601: strptime's directives, unix or unix_ms.",
    ),
]
Rejects = Annotated[
    Path | None,
    typer.Option(
        "--rejects",
        metavar="FILE",
        help="Write every line that is no event here, byte for byte (CSV: under its header).",
    ),
]
Wait = Annotated[bool, typer.Option("--wait", help="Return when everything imported is queryable.")]
WaitTimeout = Annotated[
    float, typer.Option(metavar="SECONDS", min=1, help="With --wait: give up when nothing moves for so long.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Read everything and send nothing; print the first events.")
]


@app.command("git")
def git(  # noqa: PLR0913  one argument per option
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Folders of git clones.")],
    *,
    org: Annotated[
        str | None,
        typer.Option(
            metavar="ORG", help="Organisation of the events; else the owner in the remote's address."
        ),
    ] = None,
    rejects: Rejects = None,
    wait: Wait = False,
    wait_timeout: WaitTimeout = 60.0,
    dry_run: DryRun = False,
    data: Data = None,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Import git histories: one event per commit of every ref."""
    if org is not None and not ORG_ID.fullmatch(org):
        raise BadMapping(f"--org {org!r} is no organisation id", "1-128 of A-Z a-z 0-9 . _ : -")
    repositories = [open_repository(path, org, os.environ) for path in paths]
    for each in repositories:
        _explain(each)
    job = Job(rejects, dry_run, wait_timeout if wait else None, data)
    _run(job, [_history(each, _latest()) for each in repositories], format_)


@app.command("ndjson")
def ndjson(  # noqa: PLR0913  one argument per option
    files: Files,
    *,
    maps: Maps = None,
    sets: Sets = None,
    mapping: MappingFile = None,
    time_format: TimeFormat = None,
    keep_unknown: Annotated[
        bool,
        typer.Option(
            "--keep-unknown", help="Without a mapping: keep keys that no field has as attributes extra.NAME."
        ),
    ] = False,
    rejects: Rejects = None,
    wait: Wait = False,
    wait_timeout: WaitTimeout = 60.0,
    dry_run: DryRun = False,
    data: Data = None,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Import files with one JSON object per line; without a mapping the lines are events already (docs/events.md)."""
    latest = _latest()
    is_mapped = maps or sets or mapping or time_format
    if is_mapped and keep_unknown:
        raise BadMapping(
            "--keep-unknown goes with lines that are events already",
            "map what you want to keep: --map attributes.NAME=PATH",
        )
    compiled = _compile(maps, sets, mapping, time_format, latest) if is_mapped else None
    job = Job(rejects, dry_run, wait_timeout if wait else None, data)
    with ExitStack() as opened:
        inputs = [opened.enter_context(open_input(file, sys.stdin.buffer)) for file in files]
        reads = [read_ndjson(each, compiled, latest, keep_unknown=keep_unknown) for each in inputs]
        _run(job, [_file(*pair) for pair in zip(inputs, reads, strict=True)], format_)


@app.command("csv")
def csv(  # noqa: PLR0913  one argument per option
    files: Files,
    *,
    maps: Maps = None,
    sets: Sets = None,
    mapping: MappingFile = None,
    time_format: TimeFormat = None,
    delimiter: Annotated[
        str, typer.Option(metavar="CHAR", help="What separates cells; `tab` for a tab.")
    ] = ",",
    encoding: Annotated[
        str, typer.Option(metavar="NAME", help="How letters are encoded, for example latin-1.")
    ] = "utf-8",
    rejects: Rejects = None,
    wait: Wait = False,
    wait_timeout: WaitTimeout = 60.0,
    dry_run: DryRun = False,
    data: Data = None,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Import CSV files with a header row; a path may go on into JSON inside a cell."""
    separator = "\t" if delimiter in {"tab", "\\t"} else delimiter
    _check_text_options(separator, encoding)
    compiled = _compile(maps, sets, mapping, time_format, _latest())
    job = Job(rejects, dry_run, wait_timeout if wait else None, data)
    with ExitStack() as opened:
        inputs = [opened.enter_context(open_input(file, sys.stdin.buffer)) for file in files]
        reads = [read_csv(each, compiled, delimiter=separator, encoding=encoding) for each in inputs]
        _run(job, [_file(*pair) for pair in zip(inputs, reads, strict=True)], format_)


def _run(job: Job, sources: Sequence[Source], format_: Format) -> None:
    outcome = run_job(job, sources, Meter(environ=os.environ), os.environ)
    if format_ is Format.JSON:
        print_json(outcome.to_dict())
    else:
        say(str(outcome))
    outcome.raise_trouble()


def _latest() -> datetime:
    return datetime.now(UTC) + AHEAD_MAX


def _compile(
    maps: list[str] | None,
    sets: list[str] | None,
    file: Path | None,
    time_format: str | None,
    latest: datetime,
) -> EventMapping:
    options = read_options(maps or [], sets or [], time_format)
    below = read_mapping_file(file) if file else MappingText({}, {})
    return compile_mapping(options.over(below), latest)


def _check_text_options(delimiter: str, encoding: str) -> None:
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise BadMapping(
            f"--delimiter {delimiter!r} is not one character",
            "for example --delimiter ';' or --delimiter tab",
        )
    try:
        is_splittable = "\n".encode(encoding) == b"\n"
    except LookupError:
        raise BadMapping(
            f"--encoding {encoding!r} is not known", "for example utf-8, latin-1, cp1252"
        ) from None
    if not is_splittable:
        raise BadMapping(
            f"--encoding {encoding!r} cannot be read line by line",
            f"convert it: iconv -f {encoding} -t utf-8",
        )


def _file(file: InputFile, reads: Iterator[Read]) -> Source:
    return Source(file.name, reads, file.size, lambda: file.position)


def _history(repository: Repository, latest: datetime) -> Source:
    """Its progress is counted in commits."""
    reached = 0

    def counted() -> Iterator[Read]:
        nonlocal reached
        for read in read_history(repository, latest):
            reached += 1
            yield read

    return Source(repository.name, counted(), repository.commits, lambda: reached)


def _explain(repository: Repository) -> None:
    """Say what nobody asked for: a name made up, a history cut short."""
    if repository.org_from == "folder":
        say(
            f"{repository.folder.resolve()} has no remote with an owner: organisation {repository.org_id!r}, after its folder; name one with --org"
        )
    if repository.is_shallow:
        say(
            f"{repository.folder.resolve()} is a shallow clone: only what it holds is imported (git fetch --unshallow brings the rest)"
        )
