"""`trailhouse retention`: how long data is kept, what would go, and letting it go."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trailhouse.deploy.options import Data, Format, FormatOption, print_json, print_table, say

if TYPE_CHECKING:
    from trailhouse.sinks.expiry import Due

app = typer.Typer(no_args_is_help=True, help="Say how long data is kept, show what would go, let it go.")
OrgFilter = Annotated[str | None, typer.Option("--org", metavar="ORG", help="Of one organisation alone.")]


@app.command("set")
def set_days(
    *,
    org: Annotated[
        str,
        typer.Option("--org", metavar="ORG", help="Organisation; `*` = all that say nothing of their own."),
    ],
    data_class: Annotated[
        str, typer.Option("--class", metavar="CLASS", help="events, pii, activity, rejected or backups.")
    ],
    days: Annotated[int, typer.Option(metavar="DAYS", help="Full UTC days it is kept; 0 = for ever.")],
    data: Data = None,
) -> None:
    """Say how many days an organisation keeps a class of data; nothing goes before `retention apply`."""
    from trailhouse.deploy.session import operator_session  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.sinks.retention import Policy  # noqa: PLC0415

    with operator_session(data) as session, session.office() as office:
        office.keep_days(Policy(org, data_class, days, session.operator))
    whose = "every organisation without days of its own" if org == "*" else org
    kept = f"{days} full days" if days else "for ever"
    say(f"{data_class} of {whose}: kept {kept}; see what goes: trailhouse retention plan")


@app.command()
def show(*, data: Data = None, format: FormatOption = Format.TABLE) -> None:  # noqa: A002 - the option's name
    """Show how long data is kept; what is not listed is kept for ever."""
    from trailhouse.deploy.session import operator_session  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.sinks.retention import CLASSES, policies  # noqa: PLC0415

    with operator_session(data) as session:
        rows = [
            {
                "org": each.org_id,
                "class": each.data_class,
                "days": each.days or "for ever",
                "holds": CLASSES.get(each.data_class, ""),
                "set_by": each.set_by,
                "set_at": each.set_at.isoformat(timespec="seconds").replace("+00:00", "Z")
                if each.set_at
                else "-",
            }
            for each in policies(session.client)
        ]
    _print(rows, format, "everything is kept for ever")


@app.command()
def plan(
    *,
    org: OrgFilter = None,
    data: Data = None,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Show what `retention apply` would delete now, and what legal holds keep."""
    from trailhouse.deploy.session import operator_session  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.sinks.expiry import plan_expiry  # noqa: PLC0415

    with operator_session(data) as session:
        due = plan_expiry(session.client, datetime.now(UTC).date())
    _print([described(each) for each in due if org in {None, each.org_id}], format, "nothing is due")


@app.command()
def apply(
    *,
    org: OrgFilter = None,
    data: Data = None,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Delete what is due, and write down what it was: the books go on balancing, with it as `expired`.

    Run it daily. Prints what went; counts of reports and what a legal hold covers stay.
    """
    from trailhouse.deploy.session import operator_session  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.sinks.expiry import expire, plan_expiry  # noqa: PLC0415

    rows = []
    with operator_session(data) as session:
        for due in plan_expiry(session.client, datetime.now(UTC).date()):
            if org not in {None, due.org_id}:
                continue
            gone = 0
            if due.rows:
                told: dict[str, str | int] = {
                    "data_class": due.data_class,
                    "before": str(due.before),
                    "rows": due.rows,
                }
                session.record("retention:apply", due.org_id or "*", **told)
                gone = expire(session.client, due, expired_by=session.operator)
            rows.append(described(replace(due, rows=gone)))
    _print(rows, format, "nothing is due")


def described(due: Due) -> dict[str, Any]:
    """What goes, as it is shown."""
    return {
        "org": due.org_id,
        "class": due.data_class,
        "before": str(due.before),
        "rows": due.rows,
        "oldest": None if due.oldest is None else str(due.oldest),
        "newest": None if due.newest is None else str(due.newest),
        "held": due.held,
        "hold": due.hold_id or None,
    }


def _print(rows: list[dict[str, Any]], form: Format, otherwise: str) -> None:
    if form is Format.JSON:
        print_json(rows)
    elif rows:
        print_table(
            list(rows[0]),
            [["-" if each is None or each == "" else each for each in row.values()] for row in rows],
        )
    else:
        say(otherwise)
