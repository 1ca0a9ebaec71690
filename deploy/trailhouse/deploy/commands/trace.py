"""`trailhouse trace`: one event's way, step by step."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trailhouse.deploy.options import Data, Format, FormatOption, print_json, print_table, say
from trailhouse.deploy.self_audit import record

if TYPE_CHECKING:
    from trailhouse.sinks.trace import Step, Way


def trace(
    event_id: Annotated[str, typer.Argument(metavar="EVENT_ID", help="As `emit` returned it.")],
    *,
    org: Annotated[
        str, typer.Option("--org", help="Only this organisation's event; else whosever has that id.")
    ] = "",
    data: Data = None,
    format: FormatOption = Format.TABLE,  # noqa: A002 - the option's name
) -> None:
    """Follow one event: received, enriched, stored or not, counted where, and how long each step took.

    Every copy that Kafka received has its own lines. `took` is since the step above. Exit code 1 when nothing knows the
    event: its sender has not delivered it yet (it may lie in a spool), or it is older than the topics and the ledger.
    """
    from trailhouse.deploy.stack import find_stack  # noqa: PLC0415 - keeps the command line quick
    from trailhouse.queries.counting import counted_by  # noqa: PLC0415
    from trailhouse.queries.report import load  # noqa: PLC0415
    from trailhouse.sinks.clickhouse import connect  # noqa: PLC0415
    from trailhouse.sinks.trace import trace as follow  # noqa: PLC0415

    try:
        wanted = str(uuid.UUID(event_id))
    except ValueError:
        raise typer.BadParameter(f"{event_id!r} is no UUID", param_hint="EVENT_ID") from None
    stack = find_stack(data, os.environ)
    client = connect(stack.clickhouse("reader"))
    group = os.environ.get("TRAILHOUSE_SINK_GROUP", "trailhouse-sink")
    ways = follow(stack.kafka, client, group, wanted, org)
    record(stack, "event:trace", *sorted({way.org_id for way in ways} - {""}), event=wanted)
    reports = load()
    copies = [told(way, counted_by(client, reports, way, wanted)) for way in ways]
    client.close()
    if format is Format.JSON:
        print_json({"event_id": wanted, "copies": copies})
    else:
        for number, copy in enumerate(copies):
            if number:
                print()
            print(f"{wanted} of {copy['org_id'] or 'no organisation'}: {copy['became']}")
            print_table(
                ("step", "at", "took", "where", "note"),
                [
                    (
                        step["step"],
                        step["at"] or "-",
                        took(step["took_s"]),
                        step["where"] or "-",
                        step["note"],
                    )
                    for step in copy["steps"]
                ],
            )
    if not ways:
        say(f"error: nothing knows the event {wanted}" + (f" of {org}" if org else ""))
        say("hint: its sender may not have delivered it yet; trailhouse status shows the lag")
        raise typer.Exit(1)


def told(way: Way, reports: list[str]) -> dict[str, Any]:
    """One copy's way as JSON values; `took_s` = seconds since the step before that has a time."""
    steps, before = [], None
    for step in way.steps:
        steps.append(_step(step, before))
        before = step.at or before
    steps.append({"step": "counted", "at": None, "took_s": None, "where": ", ".join(reports), "note": ""})
    return {
        "org_id": way.org_id,
        "became": way.became,
        "reason": way.reason,
        "counted_by": reports,
        "steps": steps,
    }


def _step(step: Step, before: datetime | None) -> dict[str, Any]:
    at = step.at and _utc(step.at)
    return {
        "step": step.name,
        "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None,
        "took_s": round((at - _utc(before)).total_seconds(), 3) if at and before else None,
        "where": step.where,
        "note": step.note,
    }


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def took(seconds: float | None) -> str:
    """A span as people read it; of an event that was imported years later, days."""
    if seconds is None:
        return "-"
    if abs(seconds) < 1:
        return f"{seconds * 1000:.0f} ms"
    if abs(seconds) < 3600:
        return f"{seconds:.1f} s"
    return f"{seconds / 3600:.1f} h" if abs(seconds) < 172_800 else f"{seconds / 86_400:,.0f} days"
