"""`trailhouse hold`: legal holds, which forbid erasing and expiry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from trailhouse.deploy.commands.erase import AliasesOption, ExactOption, OrgOption
from trailhouse.deploy.options import Data, Format, FormatOption, print_json, print_table, say

if TYPE_CHECKING:
    from trailhouse.sinks.hold import Hold

app = typer.Typer(no_args_is_help=True, help="Forbid erasing and expiry, list or release such holds.")
Reason = Annotated[str, typer.Option("--reason", help="Why; kept for ever. A case number, not a name.")]


@app.command()
def add(  # noqa: PLR0913 - each argument is an option
    *,
    org: OrgOption,
    user: Annotated[
        list[str] | None,
        typer.Option(
            "--user", metavar="ID-OR-EMAIL", help="One person alone; may be repeated. Without: everybody."
        ),
    ] = None,
    reason: Reason,
    exact: ExactOption = False,
    with_aliases: AliasesOption = False,
    data: Data = None,
) -> None:
    """Place a legal hold on an organisation, or on one person in it; prints its id.

    While it stands nobody it covers is erased and nothing of theirs expires. A person's hold needs the pepper.
    """
    from trailhouse.deploy.session import operator_session  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.sinks.hold import place  # noqa: PLC0415

    _demand(reason)
    with operator_session(data) as session:
        refs = session.find(org, user, is_exact=exact, with_aliases=with_aliases).refs if user else ()
        session.record("hold:create", org, persons=len(refs), reason=reason.strip())
        hold = place(session.client, org, refs, reason=reason.strip(), placed_by=session.operator)
    print(hold.hold_id)
    whom = f"one person of {org} ({len(refs)} ids)" if refs else f"everybody of {org}"
    say(f"nothing of {whom} is erased or expires until: trailhouse hold release {hold.hold_id} --reason …")


@app.command("list")
def show(
    *,
    org: Annotated[str | None, typer.Option("--org", metavar="ORG", help="Of one organisation.")] = None,
    all: Annotated[bool, typer.Option("--all", help="Also those that were released.")] = False,  # noqa: A002 - the option's name
    data: Data = None,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """List legal holds, the oldest first."""
    from trailhouse.deploy.session import operator_session  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.sinks.hold import holds  # noqa: PLC0415

    with operator_session(data) as session:
        rows = [described(each) for each in holds(session.client, org) if all or each.is_standing]
    if format is Format.JSON:
        print_json(rows)
    elif rows:
        print_table(list(rows[0]), [[_cell(value) for value in row.values()] for row in rows])
    else:
        say("no hold stands")


@app.command()
def release(
    hold_id: Annotated[str, typer.Argument(metavar="HOLD", help="As `trailhouse hold list` shows it.")],
    *,
    reason: Reason,
    data: Data = None,
) -> None:
    """End a legal hold, for good; it stays listed with the reason."""
    from trailhouse.deploy.session import operator_session  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.sinks.hold import release as end  # noqa: PLC0415
    from trailhouse.sinks.hold import standing  # noqa: PLC0415

    _demand(reason)
    with operator_session(data) as session:
        hold = standing(session.client, hold_id)
        session.record("hold:release", hold.org_id, hold=hold_id, reason=reason.strip())
        end(session.client, hold_id, reason=reason.strip(), released_by=session.operator)
    say("released")


def described(hold: Hold) -> dict[str, Any]:
    """A hold as it is shown: persons as refs, never by name."""
    from trailhouse.deploy.session import shown_ref  # noqa: PLC0415 - keeps the command line quick

    return {
        "hold": hold.hold_id,
        "org": hold.org_id,
        "persons": [shown_ref(ref) for ref in hold.user_refs] or ["everybody"],
        "reason": hold.reason,
        "placed_by": hold.placed_by,
        "placed_at": hold.placed_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "released": None
        if hold.released_at is None
        else f"{hold.released_at.isoformat(timespec='seconds').replace('+00:00', 'Z')} by {hold.released_by}: {hold.release_reason}",
    }


def _demand(reason: str) -> None:
    if not reason.strip():
        raise typer.BadParameter("say why", param_hint="--reason")


def _cell(value: object) -> str:
    return ", ".join(value) if isinstance(value, list) else "-" if value is None else str(value)
