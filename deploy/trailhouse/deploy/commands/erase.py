"""`trailhouse erase`: delete what speaks of a person, for good."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trailhouse.deploy.options import Data, Format, FormatOption, print_json, print_table, say

if TYPE_CHECKING:
    from trailhouse.deploy.session import Session
    from trailhouse.sinks.erasure import Erasure
    from trailhouse.sinks.person import Person
    from trailhouse.sinks.remains import Remainder

OrgOption = Annotated[str, typer.Option("--org", metavar="ORG", help="Organisation; others are left alone.")]
UserOption = Annotated[
    list[str],
    typer.Option(
        "--user", metavar="ID-OR-EMAIL", help="Who, by id or e-mail address; may be repeated for one person."
    ),
]
ExactOption = Annotated[
    bool,
    typer.Option(
        "--exact", help="Only under the names given: follow no address to an id, and no id to addresses."
    ),
]

AliasesOption = Annotated[
    bool,
    typer.Option(
        "--with-aliases",
        help="Also under the ids that a roster calls the same person; without, they stop it.",
    ),
]


def erase(  # noqa: PLR0913 - each argument is an option
    *,
    org: OrgOption,
    user: UserOption,
    reason: Annotated[
        str, typer.Option(help="Why; kept with the erasure for ever. A ticket, not a name.")
    ] = "",
    exact: ExactOption = False,
    with_aliases: AliasesOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be deleted; delete nothing.")
    ] = False,
    data: Data = None,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Delete what speaks of a person, for good: no replay, refill or import brings it back.

    Deleted are their rows of the directory, and the personal data of every event they did, that was done to them, or
    that holds one of their addresses. Counts and proofs stay. Prints under which identities they were found, what was
    deleted, and where copies remain until when. Erasing again finishes what was cut off. Exit code 4 under a legal hold.
    Needs ClickHouse's admin identity, and the pepper.
    """
    from trailhouse.deploy.session import operator_session, shown_ref  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.sinks.erasure import erase as run  # noqa: PLC0415
    from trailhouse.sinks.erasure import plan_erasure  # noqa: PLC0415
    from trailhouse.sinks.remains import remainders  # noqa: PLC0415
    from trailhouse.sinks.retention import BACKUPS, days_kept, policies  # noqa: PLC0415
    from trailhouse.stream.topics import read_keeping  # noqa: PLC0415

    with operator_session(data) as session:
        keeping = read_keeping(session.stack.kafka)
        person = session.find(org, user, is_exact=exact, with_aliases=with_aliases)
        done = plan_erasure(session.client, person)
        if dry_run:
            session.record("person:read", org, person=shown_ref(person.refs[0]), rows=sum(done.rows.values()))
        else:
            session.record(
                "person:erase", org, person=shown_ref(person.refs[0]), rows=sum(done.rows.values())
            )
            done = run(session.client, person, reason=reason.strip(), erased_by=session.operator)
        copies = remainders(
            session.stack.kafka,
            keeping,
            # Copies of what was deleted before are as old as that; running it again does not make them younger.
            datetime.now(UTC) if any(done.rows.values()) or done.erased_at is None else done.erased_at,
            days_kept(policies(session.client), org, BACKUPS),
        )
        keys = keys_of(session, person)
    if format is Format.JSON:
        print_json(described(person, done, copies))
    else:
        print_erasure(person, done, copies, is_dry_run=dry_run)
    if dry_run:
        say("nothing was deleted: this was a dry run")
    elif done.has_old_files:
        say("note: ClickHouse still has files of deleted rows open; it removes them once no query reads them")
    if keys:
        say(f"note: API keys that carry that name go on: trailhouse keys revoke {' '.join(keys)}")


def keys_of(session: Session, person: Person) -> list[str]:
    """Ids of the keys that are good for the organisation and whose user name is one of the person's identities."""
    from trailhouse.queries.key_table import load_keys  # noqa: PLC0415 - keeps the command line quick

    names = {each.lower() for each in person.identities}
    return [
        key.key_id
        for key in load_keys(session.client).values()
        if key.username.lower() in names
        and key.revoked_at is None
        and (key.orgs is None or person.org in key.orgs)
    ]


def print_erasure(person: Person, done: Erasure, copies: list[Remainder], *, is_dry_run: bool) -> None:
    """Identities, rows by table, copies with their ends."""
    print_table(("identity",), [[each] for each in person.identities])
    print()
    print_table(
        ("table", "rows to delete" if is_dry_run else "rows deleted"),
        [[table, f"{rows:,}"] for table, rows in done.rows.items()],
    )
    print()
    print_table(
        ("copies in", "gone by", "what"),
        [[each.where, _time(each.until) or "-", each.note] for each in copies],
    )


def described(person: Person, done: Erasure, copies: list[Remainder]) -> dict[str, Any]:
    """The same as one JSON document."""
    from trailhouse.deploy.session import shown_ref  # noqa: PLC0415 - keeps the command line quick

    return {
        "org": person.org,
        "identities": list(person.identities),
        "persons": [shown_ref(ref) for ref in person.refs],
        "rows": dict(done.rows),
        "erased_at": _time(done.erased_at),
        "copies": [{"where": each.where, "gone_by": _time(each.until), "what": each.note} for each in copies],
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds").replace("+00:00", "Z")
