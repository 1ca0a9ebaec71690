"""Copies of one event that came with other times: `events` keeps one for each UTC day, the log serves the first received.

An id with two days is a sender's mistake, and rare (`trailhouse conflicts list`). So it is only asked whether there is
one among what is about to be read: ids and days alone, from `event_places`. What is then left out is left out for good;
where the first one lies elsewhere, it is served there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from trailhouse.queries.store import our_errors
from trailhouse.sinks.clickhouse import Client

#: The condition on rows of `event` where no id came twice.
ALL: Final = "1"


def first_received(client: Client, ids: str, bound: Mapping[str, Any]) -> str:
    """A condition on rows of `event` that leaves out all copies but the first received of each of `ids`.

    `ids` is SQL that gives event ids of the organisation `{org:String}`, never from outside; `bound` are its values.
    Raises `StorageUnavailable`.
    """
    doubled = (
        f"SELECT event_id FROM event_places WHERE org_id = {{org:String}} AND event_id IN ({ids})"
        " GROUP BY event_id HAVING min(day) != max(day)"
    )
    with our_errors():
        found = client.query(f"{doubled} LIMIT 1", parameters=dict(bound)).result_rows
    if not found:
        return ALL
    copies = (
        "SELECT event_id, toDate(occurred_at) AS day, max(ver) AS copy, max(copy) OVER (PARTITION BY event_id) AS kept"
        f" FROM events WHERE org_id = {{org:String}} AND event_id IN ({doubled}) GROUP BY event_id, day"
    )
    later = f"SELECT event_id, day FROM ({copies}) WHERE copy != kept"
    return f"(event.event_id, toDate(event.occurred_at)) NOT IN ({later})"
