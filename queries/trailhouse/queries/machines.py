"""Who is left out where people alone are counted: service accounts and systems that were active all the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from trailhouse.queries.question import Question
from trailhouse.queries.store import our_errors
from trailhouse.sinks.clickhouse import Client

KINDS: Final[Mapping[str, str]] = {"service_account": "service account", "system": "system"}
_SQL: Final = """
    SELECT actor_type, uniqExact(user_ref)
    FROM activity_in(
      orgs = {orgs:Array(String)},
      spans = {spans:Array(Tuple(Int64, Int64, Int32))},
      cuts = {cuts:Array(Tuple(Int64, Int64, Int32))}
    )
    WHERE actor_type IN ('service_account', 'system')
    GROUP BY actor_type
"""


def counts_people_only(question: Question) -> bool:
    """Whether service accounts and systems are left out of the answer."""
    if "actors" in question.own:
        return question.own["actors"] == "people"
    return "actor_type = 'user'" in question.report.sql


def left_out(client: Client, question: Question) -> dict[str, int] | None:
    """How many of each of `KINDS` were active in the period and are not counted; None = nobody is left out.

    Raises `StorageUnavailable`.
    """
    if not question.orgs or not counts_people_only(question):
        return None
    with our_errors():
        rows = client.query(_SQL, parameters=question.bindings).result_rows
    return dict.fromkeys(KINDS, 0) | {str(kind): int(count) for kind, count in rows}
