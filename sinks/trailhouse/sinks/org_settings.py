"""What is said of organisations: the time zone and first day of the week of their questions, and whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from trailhouse.sinks.clickhouse import Client, insert_rows

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class OrgSettings:
    """Of one organisation; '' and 0 = not said. `week_start` is 1 = Monday … 7 = Sunday (`WEEKDAYS`)."""

    org_id: str
    timezone: str = ""
    week_start: int = 0
    company: str = ""


def org_settings(
    client: Client, orgs: Sequence[str] | None = None, *, company: str = ""
) -> list[OrgSettings]:
    """What is said of these organisations (None = of all), or of those of a company, by organisation."""
    text = """
        SELECT org_id, timezone, week_start, company FROM org_settings FINAL
        WHERE ({every:Bool} OR org_id IN {orgs:Array(String)}) AND {company:String} IN ('', company)
        ORDER BY org_id
    """
    bound = {"every": orgs is None, "orgs": list(orgs or ()), "company": company}
    rows = client.query(text, parameters=bound).result_rows
    return [
        OrgSettings(str(org), str(timezone), int(week_start), str(name))
        for org, timezone, week_start, name in rows
    ]


def set_org_settings(client: Client, settings: OrgSettings) -> None:
    """Keep what is said of an organisation from now on, in place of all that was said."""
    columns = ["org_id", "timezone", "week_start", "company"]
    row = [settings.org_id, settings.timezone, settings.week_start, settings.company]
    insert_rows(client, "org_settings", columns, [row])
