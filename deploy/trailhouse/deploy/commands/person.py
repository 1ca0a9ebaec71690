"""`trailhouse person export`: everything held about a person."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import typer

from trailhouse.deploy.commands.erase import AliasesOption, ExactOption, OrgOption, UserOption
from trailhouse.deploy.errors import DeployError
from trailhouse.deploy.options import Data, say

app = typer.Typer(no_args_is_help=True)


@app.callback()
def person() -> None:
    """Export everything held about a person."""


@app.command()
def export(  # noqa: PLR0913 - each argument is an option
    *,
    org: OrgOption,
    user: UserOption,
    exact: ExactOption = False,
    with_aliases: AliasesOption = False,
    with_others: Annotated[
        bool,
        typer.Option("--with-others", help="Also what the events say of other people: not for the person."),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Into a new file that its owner alone may read."),
    ] = None,
    data: Data = None,
) -> None:
    """Print everything held about a person, as JSON lines, for an access request.

    Directory, events they did, events done to them, events that name them, days on which they were active. What an
    event says of somebody else is left out. Copies in topics and backups are not in it; `trailhouse erase --dry-run`
    shows them. Needs ClickHouse's admin identity, and the pepper.
    """
    from trailhouse.deploy.session import operator_session, shown_ref  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.sinks.dossier import dossier  # noqa: PLC0415

    lines = 0
    with operator_session(data) as session:
        found = session.find(org, user, is_exact=exact, with_aliases=with_aliases)
        session.record("person:export", org, person=shown_ref(found.refs[0]), with_others=with_others)
        with _opened(output) as file:
            for each in dossier(session.client, found, with_others=with_others):
                print(json.dumps(each, ensure_ascii=False), file=file)
                lines += 1
    say(f"{lines:,} lines")


@contextmanager
def _opened(path: Path | None) -> Iterator[IO[str] | None]:
    """A new file that is its owner's alone from its first moment; None = standard output."""
    if path is None:
        yield None
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise DeployError(
            f"cannot write {path}: {error.strerror}", hint="name a file that is not there yet"
        ) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        yield file
