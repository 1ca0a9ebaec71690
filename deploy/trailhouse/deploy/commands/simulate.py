"""`trailhouse simulate`: organisations that never were, with incidents to look for."""

from __future__ import annotations

import os
import re
import sys
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trailhouse.deploy.invocation import short_path
from trailhouse.deploy.options import Data, Format, FormatOption, print_json, print_table, say
from trailhouse.deploy.signals import end_on_sigterm

if TYPE_CHECKING:
    from trailhouse.deploy.simulating import Made

UNITS = {"": 1, "s": 1, "min": 60, "h": 3600}


def simulate(  # noqa: PLR0913  one argument per option
    *,
    orgs: Annotated[int, typer.Option(min=1, help="How many organisations.")] = 3,
    people: Annotated[int, typer.Option(min=1, help="How many people in all of them together.")] = 200,
    days: Annotated[int, typer.Option(min=1, help="How many days, the last of which is --until.")] = 90,
    until: Annotated[
        str | None, typer.Option(metavar="DATE", help="The last day (UTC), one that is over; else yesterday.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed makes other organisations.")] = 1,
    events: Annotated[
        int | None, typer.Option(min=1, help="About how many events; else as many as people would make.")
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option(
            metavar="N/s", help="Live: so many events a second (or /min, /h) that happen now, until Ctrl-C."
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write NDJSON there instead of sending; - is standard output."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Return when everything sent is queryable.")] = False,
    wait_timeout: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=1, help="With --wait: give up when nothing moves for so long."),
    ] = 60.0,
    data: Data = None,
    format_: FormatOption = Format.TABLE,
) -> None:
    """Make believable organisations: months of events, with incidents to look for.

    Equal options make equal events, on any machine: sent twice, each counts once. Live events (--rate) are new each
    time. What the incidents are, and how to ask for everything else in Python: docs/simulating.md.
    """
    from trailhouse.deploy.meter import Meter  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.deploy.simulating import Order, live_plan, run_order  # noqa: PLC0415
    from trailhouse.producers.simulation import Plan  # noqa: PLC0415

    today = datetime.now(UTC).date()
    a_second = rate_of(rate) if rate is not None else None
    if a_second is not None and (until, events) != (None, None):
        raise typer.BadParameter("--rate is for events that happen now: leave --until and --events out")
    plan = Plan(until=last_day(until, today), orgs=orgs, people=people, days=days, seed=seed, events=events)
    if a_second is not None:
        plan = live_plan(plan, today)
    end_on_sigterm()
    order = Order(plan, output, a_second, wait_timeout if wait else None, data)
    made = run_order(order, Meter(environ=os.environ), os.environ, sys.stdout.buffer)
    if output == "-":
        say(str(made))
    elif format_ is Format.JSON:
        print_json(made.to_dict())
    else:
        _print(made, output)
    if made.trouble is not None:
        raise made.trouble


def last_day(text: str | None, today: date) -> date:
    """The last day to simulate: nothing of the simulation lies in the future. Raises `typer.BadParameter`."""
    if text is None:
        return today - timedelta(days=1)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"--until {text!r} is no date such as 2026-01-31") from None
    if day >= today:
        raise typer.BadParameter(f"--until {day} is not over yet: at most {today - timedelta(days=1)} (UTC)")
    return day


def rate_of(text: str) -> float:
    """`500/s`, `500` or `30/min` as events a second; raises `typer.BadParameter`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(?:/(s|min|h))?", text)
    if not found or float(found[1]) <= 0:
        raise typer.BadParameter(f"--rate {text!r} is no rate such as 500/s, 30/min or 100/h")
    return float(found[1]) / UNITS[found[2] or ""]


def _print(made: Made, output: str | None) -> None:
    rows = made.organisations()
    if made.is_live:
        print_table(
            ("organisation", "people", "events"),
            [[r["organisation"], r["people"], f"{r['events']:,}"] for r in rows],
        )
    else:
        names = tuple(rows[0])
        print_table(
            [name.replace("_", " ") for name in names],
            [
                [f"{row[name]:,}" if isinstance(row[name], int) else row[name] for name in names]
                for row in rows
            ],
        )
    if made.incidents and not made.is_live:
        print()
        print_table(
            ("incident", "organisation", "by", "since (UTC)", "until (UTC)", "events"),
            [
                [
                    each.kind,
                    each.org_id,
                    each.user_id,
                    *(f"{at:%Y-%m-%d %H:%M:%S}" for at in (each.since, each.until)),
                    len(each.event_ids),
                ]
                for each in made.incidents
            ],
        )
    verb = "written to " + output if output else "sent"
    say(f"\n{verb}: {made}" + ("" if made.is_live else "; made and sent again, each counts once"))
    say("\n".join(ways_to_go_on(made, output)))


def ways_to_go_on(made: Made, output: str | None) -> list[str]:
    """Commands to try next, on what was made."""
    if output:
        return ["Try", f"  trailhouse import ndjson {output} --wait"]
    org = next(iter(made.plan.sizes()))
    folder = made.stack.folder if made.stack else None
    where = f" --data {short_path(folder.path)}" if folder else ""
    period = "" if made.is_live else f" --since {made.plan.first} --until {made.plan.until}"
    lines = [
        "Try",
        f"  trailhouse report weekly_active_users --org {org}{period}{where}",
        f"  trailhouse users list --org {org} --sort last_active{where}",
        f"  trailhouse balance{where}",
    ]
    burst = next((each for each in made.incidents if each.kind == "guessed_password"), None)
    if folder and burst:
        lines.append(f'  curl -K {short_path(folder.reader_curl)} -d "{_question(burst)}"')
    return lines


def _question(burst: Any) -> str:
    """Failed logins around an incident, in SQL of one's own."""
    return (
        "SELECT occurred_at, outcome, source, network FROM events FINAL"
        f" WHERE org_id = '{burst.org_id}' AND action = 'user:login'"
        f" AND occurred_at BETWEEN '{burst.since:%Y-%m-%d %H:%M:%S}' AND '{burst.until:%Y-%m-%d %H:%M:%S}'"
        " ORDER BY occurred_at FORMAT PrettyCompact"
    )
