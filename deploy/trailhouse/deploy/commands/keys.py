"""`trailhouse keys`: make, list and revoke API keys."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trailhouse.deploy.options import Data, Format, FormatOption, print_json, print_table, say
from trailhouse.deploy.self_audit import record, self_audit

if TYPE_CHECKING:
    from trailhouse.deploy.stack import Stack
    from trailhouse.queries.key import Key
    from trailhouse.queries.office import Office
    from trailhouse.sinks.clickhouse import Client

app = typer.Typer(no_args_is_help=True)
FIRST_USERNAME = "admin"


@app.callback()
def keys() -> None:
    """Make, list and revoke API keys."""


@app.command()
def create(  # noqa: PLR0913 - each argument is an option
    *,
    org: Annotated[
        list[str],
        typer.Option(
            metavar="ORG", help="Organisation it is good for; may be repeated. `*` alone: every one."
        ),
    ],
    username: Annotated[str, typer.Option(help="Whose it is; the user name of Basic authentication.")],
    scope: Annotated[
        list[str],
        typer.Option(
            metavar="SCOPE",
            help="What it allows: audit:read, audit:read_pii, reports:read, events:write, admin; may be repeated.",
        ),
    ],
    expires: Annotated[
        str | None, typer.Option(metavar="90d", help="How long it is good for: 12h, 90d, 52w; else for ever.")
    ] = None,
    default_org: Annotated[
        str,
        typer.Option(metavar="ORG", help="Which of its organisations is meant where a request names none."),
    ] = "",
    service_account: Annotated[
        bool, typer.Option("--service-account", help="For a program, bound to one organisation.")
    ] = False,
    data: Data = None,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Make an API key and print it.

    It is shown this once: only its SHA-256 is kept. An organisation may be one that has no events yet; a note says so.
    Needs ClickHouse's admin identity.
    """
    from trailhouse.queries.errors import BadParameter, UnknownOrg  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.queries.key import Scope, new_key, parse_life  # noqa: PLC0415
    from trailhouse.queries.store import ClickHouseStore  # noqa: PLC0415

    for each in scope:
        if each not in set(Scope):
            raise BadParameter("scope", each, "one of " + ", ".join(Scope))
    key, text = new_key(
        username,
        org,
        [Scope(each) for each in scope],
        now=datetime.now(UTC),
        life=parse_life(expires) if expires else None,
        is_service_account=service_account,
        default_org=default_org,
    )
    stack = _stack(data)
    client = _admin(stack)
    strange = [each for each in sorted(key.orgs or ()) if not ClickHouseStore(client).knows(each)]
    notes = [UnknownOrg(each, ClickHouseStore(client).orgs()).spell("--") for each in strange]
    with _office(stack, client) as office:
        office.make_key(key)
    client.close()
    for note in notes:
        say(f"note: {note} yet; {note.hint}")
    if format is Format.JSON:
        print_json({"username": key.username, "key": text.reveal()})
    else:
        print(text.reveal())
        say(f"key {key.key_id} of {key.username}; it is not shown again")


@app.command(name="list")
def show(
    *,
    org: Annotated[
        str | None, typer.Option(metavar="ORG", help="Only keys that are good for this organisation.")
    ] = None,
    data: Data = None,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """List the API keys, oldest first: never the keys themselves."""
    from trailhouse.queries.key_table import load_keys  # noqa: PLC0415 - keeps the command line quick

    stack = _stack(data)
    client = _admin(stack)
    keys = [key for key in load_keys(client).values() if org is None or key.orgs is None or org in key.orgs]
    client.close()
    record(stack, "key:read", *([org] if org and any(key.orgs for key in keys) else []), rows=len(keys))
    found = [described(key, datetime.now(UTC)) for key in keys]
    if format is Format.JSON:
        print_json(found)
    else:
        columns = ("id", "username", "orgs", "scopes", "service_account", "created", "expires", "status")
        print_table(columns, [[_cell(each[name]) for name in columns] for each in found])
        if org is not None and not found:
            say(f"no key is good for {org}")


@app.command()
def revoke(
    ids: Annotated[list[str], typer.Argument(metavar="ID…", help="As `trailhouse keys list` shows them.")],
    *,
    data: Data = None,
) -> None:
    """Revoke API keys, for ever; it holds within TRAILHOUSE_API_KEYS_TTL_S (5 seconds)."""
    stack = _stack(data)
    client = _admin(stack)
    with _office(stack, client) as office:
        revoked = office.revoke_keys(ids, datetime.now(UTC))
    client.close()
    for key in revoked:
        print(key.key_id)


def first_key(stack: Stack) -> str | None:
    """The key for everything of a stack that has none yet, made now and kept nowhere; None when it has keys."""
    from trailhouse.queries.key import EVERY_ORG, Scope, new_key  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.queries.key_table import load_keys  # noqa: PLC0415
    from trailhouse.sinks.clickhouse import connect  # noqa: PLC0415

    client = connect(stack.clickhouse("admin"))
    try:
        if load_keys(client):
            return None
        key, text = new_key(FIRST_USERNAME, [EVERY_ORG], [Scope.ADMIN], now=datetime.now(UTC))
        with _office(stack, client) as office:
            office.make_key(key)
    finally:
        client.close()
    return text.reveal()


@contextmanager
def _office(stack: Stack, client: Client) -> Iterator[Office]:
    """As whoever runs this command."""
    from trailhouse.queries.office import Office  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.queries.self_audit import Who  # noqa: PLC0415

    with self_audit(stack) as audit:
        yield Office(client, audit, Who.operator())


def described(key: Key, now: datetime) -> dict[str, object]:
    """A key as it may be shown."""
    return {
        "id": key.key_id,
        "username": key.username,
        "orgs": ["*"] if key.orgs is None else sorted(key.orgs),
        "default_org": key.default_org or None,
        "scopes": sorted(key.scopes),
        "service_account": key.is_service_account,
        "created": _time(key.created_at),
        "expires": _time(key.expires_at),
        "revoked": _time(key.revoked_at),
        "status": key.status(now),
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return "-" if value is None or value is False else "yes" if value is True else str(value)


def _stack(data: Path | None) -> Stack:
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415 - keeps the command line quick

    return find_stack(data, os.environ)


def _admin(stack: Stack) -> Client:
    from trailhouse.sinks.clickhouse import connect  # noqa: PLC0415 - keeps the command line quick

    return connect(stack.clickhouse("admin"))
