"""What is said beside an answer: how fresh the store is, and who is left out where people alone are counted.

Left out are service accounts and systems that were active all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from trailhouse.queries.question import Question
from trailhouse.queries.report import uncut
from trailhouse.queries.spelling import spelled_out
from trailhouse.queries.store import ClickHouseStore, moment_of, our_errors
from trailhouse.sinks.clickhouse import Client

KINDS: Final[Mapping[str, str]] = {"service_account": "service account", "system": "system"}
# Both in one statement, as either costs mostly that it is asked. The first is `ClickHouseStore.landed_until`.
_SQL: Final = """
    SELECT 'landed' AS what, toUnixTimestamp64Milli(max(received_at)) AS number FROM landed HAVING count() > 0
    UNION ALL
    SELECT toString(actor_type) AS what, toInt64(uniqExact(user_ref)) AS number
    FROM active_in(
      orgs = {orgs:Array(String)},
      stretches = {stretches:Array(Tuple(UInt16, UInt16, UInt8, UInt8))},
      cuts = {cuts:Array(Tuple(Int64, Int64, Int32))}
    )
    WHERE actor_type IN ('service_account', 'system')
    GROUP BY actor_type
"""


@dataclass(frozen=True, slots=True)
class Beside:
    """When the newest stored record was received, None = never; how many of each of `KINDS` were active and are not
    counted, None = nobody is left out.
    """

    landed_until: datetime | None
    left_out: dict[str, int] | None


def counts_people_only(question: Question) -> bool:
    """Whether service accounts and systems are left out of the answer."""
    if "actors" in question.own:
        return question.own["actors"] == "people"
    return "actor_type = 'user'" in question.report.sql


def beside(client: Client, question: Question) -> Beside:
    """What is said beside the answer to a question; raises `StorageUnavailable`."""
    if not question.orgs or not counts_people_only(question):
        return Beside(ClickHouseStore(client).landed_until(), None)
    sql = spelled_out(_SQL if question.period.cuts else uncut(_SQL))
    with our_errors():
        found = {
            str(what): int(number)
            for what, number in client.query(sql, parameters=question.bindings).result_rows
        }
    return Beside(moment_of(found.get("landed")), {kind: found.get(kind, 0) for kind in KINDS})
