"""`trailhouse alerts`: be told of events, of thresholds, of silence; and where to."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trailhouse.deploy.options import Data, Format, FormatOption, print_json, print_table, say

if TYPE_CHECKING:
    from trailhouse.queries.alerts.desk import By, Desk

app = typer.Typer(no_args_is_help=True, help="Be told: of events, of thresholds, of silence.")
channels = typer.Typer(no_args_is_help=True, help="Say where notifications go.")
app.add_typer(channels, name="channels")

Org = Annotated[str, typer.Option("--org", metavar="ORG", help="Organisation.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="As `trailhouse alerts list` shows it.")]
TEST_WAIT_S = 20.0
SHOWN = (
    "id", "name", "says", "state", "stopped", "muted_until", "quiet_s", "rate", "with_pii", "created_at", "created_by",
    "owner",
)  # fmt: skip
SECRET_VARIABLE = "TRAILHOUSE_SLACK_CLIENT_SECRET"  # noqa: S105 - the name of a variable


@dataclass(frozen=True, slots=True)
class Sitting:
    """The desk of one command, and who runs it."""

    desk: Desk
    by: By
    dashboard: str


@app.command()
def create(  # noqa: PLR0913 - each argument is an option
    *,
    org: Org,
    name: Annotated[str, typer.Option(help="What it is called in messages.")],
    channel: Annotated[
        list[str],
        typer.Option(metavar="NAME", help="Where it goes, a channel's name or id; may be repeated."),
    ],
    kind: Annotated[
        str,
        typer.Option(help="event: such an event came; threshold: too many or too few; absence: none came."),
    ] = "event",
    action: Annotated[str, typer.Option(help="Of events: one action, or all of a noun as `user:*`.")] = "",
    actor: Annotated[str, typer.Option(help="Of events: who acted, as `u_` and 16 hex digits.")] = "",
    target: Annotated[str, typer.Option(help="Of events: who was acted upon, in the same form.")] = "",
    outcome: Annotated[str, typer.Option(help="Of events: success, failure or denied.")] = "",
    q: Annotated[str, typer.Option(help="Of events: a text in any value that is no personal data.")] = "",
    group_by: Annotated[
        str, typer.Option(metavar="FIELD", help="Tell apart by action, actor, outcome …")
    ] = "",
    window: Annotated[
        str, typer.Option(metavar="5m", help="Within how long; for threshold and absence.")
    ] = "",
    above: Annotated[str, typer.Option(metavar="N", help="Threshold: more than this.")] = "",
    below: Annotated[str, typer.Option(metavar="N", help="Threshold: less than this.")] = "",
    report: Annotated[str, typer.Option(help="Threshold: of a report's figure instead of events.")] = "",
    figure: Annotated[
        str, typer.Option(metavar="COLUMN", help="Threshold: which column of the report.")
    ] = "",
    last: Annotated[str, typer.Option(metavar="7d", help="Threshold: the report's period.")] = "",
    quiet: Annotated[
        str,
        typer.Option(
            metavar="10m",
            help="Nothing twice about the same within this time; what is held back follows as one.",
        ),
    ] = "10m",
    rate: Annotated[
        str, typer.Option(metavar="30", help="Notifications an hour at most; the others follow as one.")
    ] = "30",
    with_pii: Annotated[
        bool, typer.Option("--with-pii", help="Name people and addresses in messages.")
    ] = False,
    data: Data = None,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Make an alert. It watches what is stored from now on, and tells its channels."""
    given = {
        "name": name, "kind": kind, "action": action, "actor": actor, "target": target, "outcome": outcome, "q": q,
        "group_by": group_by, "window": window, "above": above, "below": below, "report": report,
        "figure": figure, "last": last, "quiet": quiet, "rate": rate, "channels": channel, "with_pii": with_pii,
    }  # fmt: skip
    with _sitting(data) as sitting:
        made = sitting.desk.create(org, sitting.by, given)
    if format is Format.JSON:
        print_json(made)
    else:
        print(made["id"])
        say(f"tells of: {made['says']}; try it: trailhouse alerts test {made['id']} --org {org}")


@app.command()
def edit(  # noqa: PLR0913 - each argument is an option
    alert_id: Id,
    *,
    org: Org,
    name: Annotated[str | None, typer.Option(help="What it is called in messages.")] = None,
    channel: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Where it goes, a channel's name or id, in place of those it went to; may be repeated.",
        ),
    ] = None,
    kind: Annotated[str | None, typer.Option(help="event, threshold or absence.")] = None,
    action: Annotated[str | None, typer.Option(help="Of events: one action, or all of a noun.")] = None,
    actor: Annotated[str | None, typer.Option(help="Of events: who acted.")] = None,
    target: Annotated[str | None, typer.Option(help="Of events: who was acted upon.")] = None,
    outcome: Annotated[str | None, typer.Option(help="Of events: success, failure or denied.")] = None,
    q: Annotated[str | None, typer.Option(help="Of events: a text in any value.")] = None,
    group_by: Annotated[str | None, typer.Option(metavar="FIELD", help="Tell apart by.")] = None,
    window: Annotated[str | None, typer.Option(metavar="5m", help="Within how long.")] = None,
    above: Annotated[str | None, typer.Option(metavar="N", help="Threshold: more than this.")] = None,
    below: Annotated[str | None, typer.Option(metavar="N", help="Threshold: less than this.")] = None,
    report: Annotated[str | None, typer.Option(help="Threshold: of a report's figure.")] = None,
    figure: Annotated[str | None, typer.Option(metavar="COLUMN", help="Which column of it.")] = None,
    last: Annotated[str | None, typer.Option(metavar="7d", help="The report's period.")] = None,
    quiet: Annotated[str | None, typer.Option(metavar="10m", help="Nothing twice within it.")] = None,
    rate: Annotated[str | None, typer.Option(metavar="30", help="Notifications an hour at most.")] = None,
    with_pii: Annotated[
        bool | None, typer.Option("--with-pii/--without-pii", help="Whether messages name people.")
    ] = None,
    data: Data = None,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Change an alert: what is named becomes so, "" empties it. A changed condition begins to count anew."""
    asked = {
        "name": name, "kind": kind, "action": action, "actor": actor, "target": target, "outcome": outcome, "q": q,
        "group_by": group_by, "window": window, "above": above, "below": below, "report": report,
        "figure": figure, "last": last, "quiet": quiet, "rate": rate, "channels": channel, "with_pii": with_pii,
    }  # fmt: skip
    _edit(alert_id, org, {each: value for each, value in asked.items() if value is not None}, data, format)


@app.command()
def pause(alert_id: Id, *, org: Org, data: Data = None) -> None:
    """Let an alert say nothing until it is resumed; what comes meanwhile is not told later."""
    _edit(alert_id, org, {"paused": True}, data, Format.TABLE)


@app.command()
def resume(alert_id: Id, *, org: Org, data: Data = None) -> None:
    """Let an alert that is paused speak again."""
    _edit(alert_id, org, {"paused": False}, data, Format.TABLE)


@app.command("take-over")
def take_over(alert_id: Id, *, org: Org, data: Data = None) -> None:
    """Answer for an alert from now on: one whose key was revoked or expired speaks again."""
    with _sitting(data) as sitting:
        found = sitting.desk.take_over(org, sitting.by, alert_id)
    say(f"{found['name']} ({found['state']}): {found['owner']} answers for it")


@app.command("list")
def list_alerts(*, org: Org, data: Data = None, format: FormatOption = Format.TABLE) -> None:  # noqa: A002
    """List the alerts of an organisation: what each tells of, and how its notifications fare."""
    with _sitting(data) as sitting:
        sitting.desk.record_reading(org, sitting.by, "alerts")
        rows = sitting.desk.alerts(org)
    shown = [each | {"channels": ", ".join(of["name"] for of in each["channels"])} for each in rows]
    columns = ("id", "name", "kind", "says", "channels", "state", "delivered", "pending", "dead")
    _print(rows, shown, columns, format, f"{org} has no alerts: trailhouse alerts create --help")
    if dead := sum(each["dead"] for each in rows):
        say(f"note: {dead} notifications were given up: trailhouse alerts show ID --org {org} says why")
    for each in rows:
        if each["stopped"]:
            say(
                f"note: {each['name']} says nothing, {each['stopped']}: "
                f"trailhouse alerts take-over {each['id']} --org {org}"
            )


@app.command()
def show(alert_id: Id, *, org: Org, data: Data = None, format: FormatOption = Format.TABLE) -> None:  # noqa: A002
    """Show an alert and its latest notifications, with why any could not be delivered."""
    with _sitting(data) as sitting:
        sitting.desk.record_reading(org, sitting.by, "alert")
        found = sitting.desk.alert(org, alert_id)
    if format is Format.JSON:
        print_json(found)
        return
    for field in SHOWN:
        if found[field] is not None:
            print(f"{field:<12}{found[field]}")
    print()
    columns = ("created_at", "kind", "group", "count", "channel", "status", "attempts", "error")
    _print([], found["notifications"], columns, format, "no notification yet")


@app.command("test")
def send_test(alert_id: Id, *, org: Org, data: Data = None) -> None:
    """Send a test to every channel of an alert and wait until it arrived; exits 1 where it did not."""
    with _sitting(data) as sitting:
        notice = sitting.desk.test(org, sitting.by, alert_id)
        deadline = time.monotonic() + TEST_WAIT_S
        found = sitting.desk.outcome(org, alert_id, notice)
        while any(not each["attempts"] for each in found) and time.monotonic() < deadline:
            time.sleep(0.2)
            found = sitting.desk.outcome(org, alert_id, notice)
    for each in found:
        went = (
            "arrived"
            if each["status"] == "delivered"
            else each["error"] or "not sent yet: does the role `alerts` run?"
        )
        print(f"{each['channel']}: {went}")
    if any(each["status"] != "delivered" for each in found):
        raise typer.Exit(1)


@app.command()
def mute(
    alert_id: Id,
    *,
    org: Org,
    length: Annotated[str, typer.Option("--for", metavar="2h", help="How long; 0: speak again.")] = "1h",
    data: Data = None,
) -> None:
    """Let an alert say nothing for a while; what comes meanwhile is not told later."""
    from trailhouse.queries.alerts.alert import read_span  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.queries.alerts.desk import MUTE_MAX  # noqa: PLC0415

    seconds = read_span("for", length, 0, int(MUTE_MAX.total_seconds()))
    with _sitting(data) as sitting:
        found = sitting.desk.mute(org, sitting.by, alert_id, seconds)
    say(f"{found['name']}: " + (f"muted until {found['muted_until']}" if seconds else "speaks again"))


@app.command()
def delete(alert_id: Id, *, org: Org, data: Data = None) -> None:
    """Delete an alert; its notifications that wait are given up."""
    with _sitting(data) as sitting:
        sitting.desk.delete(org, sitting.by, alert_id)
    say(f"{alert_id} is deleted")


@app.command()
def slack(
    *,
    org: Org,
    client_id: Annotated[str, typer.Option(help="Of your Slack app: Basic Information.")],
    redirect: Annotated[
        list[str],
        typer.Option(metavar="URL", help="This installation's host URL, as the app has it; may be repeated."),
    ],
    disable: Annotated[bool, typer.Option("--disable", help="Keep it, and use it no more.")] = False,
    data: Data = None,
) -> None:
    """Register an organisation's own Slack app. Its client secret is read from TRAILHOUSE_SLACK_CLIENT_SECRET or stdin."""
    from trailhouse.producers.settings import Secret  # noqa: PLC0415 - keeps the command line quick

    secret = os.environ.get(SECRET_VARIABLE) or ("" if sys.stdin.isatty() else sys.stdin.readline().strip())
    with _sitting(data) as sitting:
        sitting.desk.register_app(
            org,
            sitting.by,
            client_id=client_id,
            client_secret=Secret(secret),
            redirects=redirect,
            is_enabled=not disable,
        )
    say(f"registered; connect it: {sitting.dashboard}notifications?org={org}")


@app.command()
def run() -> None:
    """Run the role: read what is stored, and deliver. Of several processes one works, the others wait to take over."""
    from trailhouse.deploy.commands.roles import begin  # noqa: PLC0415 - each role loads what it needs

    environ = begin()
    from trailhouse.queries.alerts.role import run as watch  # noqa: PLC0415
    from trailhouse.queries.alerts.settings import AlertsSettings  # noqa: PLC0415

    watch(AlertsSettings.from_env(environ))


@channels.command("add")
def add_channel(  # noqa: PLR0913 - each argument is an option
    *,
    org: Org,
    name: Annotated[str, typer.Option(help="What it is called.")],
    webhook: Annotated[str, typer.Option(metavar="URL", help="A webhook: https; requests are signed.")] = "",
    email: Annotated[str, typer.Option(metavar="ADDRESSES", help="Mail to these, separated by commas.")] = "",
    data: Data = None,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Make a channel: a signed webhook or mail. Slack is connected on the dashboard. A webhook's secret is printed once."""
    from trailhouse.queries.errors import BadParameter  # noqa: PLC0415 - keeps the command line quick

    if bool(webhook) == bool(email):
        raise BadParameter("webhook", webhook, "either --webhook or --email")
    given = (
        {"name": name, "kind": "webhook", "url": webhook}
        if webhook
        else {"name": name, "kind": "email", "to": email}
    )
    with _sitting(data) as sitting:
        made = sitting.desk.add_channel(org, sitting.by, given)
    if format is Format.JSON:
        print_json(made)
        return
    print(made["id"])
    if "secret" in made:
        print(made["secret"])
        say("the second line is the signing secret; it is not shown again")


@channels.command("list")
def list_channels(*, org: Org, data: Data = None, format: FormatOption = Format.TABLE) -> None:  # noqa: A002
    """List the channels of an organisation; addresses and secrets stay sealed."""
    with _sitting(data) as sitting:
        sitting.desk.record_reading(org, sitting.by, "channels")
        rows = sitting.desk.channels(org)
    columns = ("id", "name", "kind", "address", "created_at")
    _print(rows, rows, columns, format, f"{org} has no channels: trailhouse alerts channels add --help")


@channels.command("delete")
def delete_channel(
    channel_id: Annotated[str, typer.Argument(metavar="ID", help="As `alerts channels list` shows it.")],
    *,
    org: Org,
    data: Data = None,
) -> None:
    """Delete a channel no alert goes to."""
    with _sitting(data) as sitting:
        sitting.desk.delete_channel(org, sitting.by, channel_id)
    say(f"{channel_id} is deleted")


@contextmanager
def _sitting(data: Path | None) -> Iterator[Sitting]:
    """The desk over the stack's ClickHouse, as its admin, with the stack's key."""
    from trailhouse.deploy.credentials import load_credentials  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.deploy.self_audit import self_audit  # noqa: PLC0415
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415
    from trailhouse.queries.alerts.desk import By, Desk  # noqa: PLC0415
    from trailhouse.queries.alerts.seal import Seal  # noqa: PLC0415
    from trailhouse.queries.alerts.settings import NotificationSettings  # noqa: PLC0415
    from trailhouse.queries.reports import load  # noqa: PLC0415
    from trailhouse.queries.self_audit import operator_name  # noqa: PLC0415
    from trailhouse.queries.store import Pool  # noqa: PLC0415

    stack = find_stack(data, os.environ)
    key = (
        load_credentials(stack.folder.credentials).alerts
        if stack.folder
        else NotificationSettings.from_env(os.environ).key
    )
    pool = Pool(stack.clickhouse("admin"), size=1)
    with self_audit(stack) as audit:
        try:
            yield Sitting(
                Desk(pool, Seal(key), audit, load()), By.operator(operator_name()), stack.dashboard_url()
            )
        finally:
            pool.close()


def _edit(alert_id: str, org: str, given: dict[str, Any], data: Path | None, form: Format) -> None:
    with _sitting(data) as sitting:
        found = sitting.desk.edit(org, sitting.by, alert_id, given)
    if form is Format.JSON:
        print_json(found)
    else:
        say(f"{found['name']} ({found['state']}) tells of: {found['says']}")


def _print(
    rows: list[dict[str, Any]],
    shown: list[dict[str, Any]],
    columns: tuple[str, ...],
    form: Format,
    otherwise: str,
) -> None:
    if form is Format.JSON:
        print_json(rows)
    elif shown:
        print_table(
            columns, [["-" if each[name] in {None, ""} else each[name] for name in columns] for each in shown]
        )
    else:
        say(otherwise)
