"""Seal finished days: plain counts, made from the sets and replaced, never added to, so that reports need not open the sets.

Counts of a day are right for as long as nothing was inserted into it since its sets were read. `touched` knows when an
insert began that last brought rows of a day; a seal remembers what it said (`as_of`), and counts only while it says so
still (`seals_in`). An insert under way could have touched a day and not have stored its sets yet. So a day is sealed only
when it was left alone for longer than an insert can last: ClickHouse ends one after `INSERT_MAX_S`. Whoever seals, and
however many do at once, finds the same; what was counted before a later touch is replaced by what is counted after it.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any, Final

from trailhouse.sinks.clickhouse import INSERT_MAX_S, INSERT_SETTINGS, ClickHouseError, Client, connect
from trailhouse.sinks.settings import ClickHouseSettings

#: Three more times what an insert may last, for ends that come late and for clocks that are set back.
QUIET_S: Final = 4 * INSERT_MAX_S
#: Days of one month that one statement seals: a bound on its memory and on how long it lasts.
DAYS_AT_ONCE: Final = 200
SLOTS: Final = 96
#: Times as long as a statement took the background rests after it, up to a minute.
REST: Final = 5
REST_MAX_S: Final = 60.0
# One thread, and sets one quarter-hour after the other: sealing can wait, reports and inserts cannot.
_GENTLE: Final[Mapping[str, Any]] = {**INSERT_SETTINGS, "max_threads": 1, "optimize_aggregation_in_order": 1}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Counted:
    """Sets by quarter-hour (`sets`, of event hashes in column `events`) and the table of their plain counts by day.

    `keys` are the columns beside organisation and time that both have.
    """

    sets: str
    days: str
    keys: tuple[str, ...]


COUNTED: Final = (
    Counted("action_slots", "action_days", ("action",)),
    Counted("page_slots", "page_days", ("actor_type", "actor_role", "page")),
)


@dataclass(frozen=True, slots=True)
class Day:
    """A UTC day of an organisation; `as_of` = what `touched` says of it, µs since 1970."""

    org_id: str
    day: date
    as_of: int


_NUMBER: Final = "toHour(sets.slot) * 4 + intDiv(toMinute(sets.slot), 15)"

_UNSEALED: Final = """
SELECT org_id, day, toUnixTimestamp64Micro(max(touched.at))
FROM touched
LEFT JOIN (SELECT org_id, day, max(as_of) AS as_of FROM sealed WHERE sets = {sets:String} GROUP BY org_id, day) AS seals USING (org_id, day)
GROUP BY org_id, day
HAVING day < toDate(now('UTC')) AND max(touched.at) < now64(6, 'UTC') - toIntervalMicrosecond({quiet_us:Int64}) AND max(touched.at) != any(as_of)
ORDER BY toYYYYMM(day), org_id, day
"""

_SEAL: Final = """
INSERT INTO sealed (sets, org_id, day, as_of)
SELECT {sets:String}, each.1, each.2, fromUnixTimestamp64Micro(each.3, 'UTC')
FROM (SELECT arrayJoin({days:Array(Tuple(String, Date, Int64))}) AS each)
"""

# Days whose seal holds, of all organisations.
_HOLDING: Final = """
SELECT org_id, day
FROM (SELECT org_id, day, max(at) AS at FROM touched GROUP BY org_id, day) AS touched
INNER JOIN (SELECT org_id, day, max(as_of) AS as_of FROM sealed WHERE sets = {sets:String} GROUP BY org_id, day) AS seals USING (org_id, day)
WHERE at = as_of
"""


def seal(client: Client, *, quiet_s: float = QUIET_S) -> Iterator[int]:
    """Seal every finished day that is not and was left alone for `quiet_s` seconds; yields how many days each statement
    sealed, so that the caller may rest in between, or stop. Raises the driver's `ClickHouseError`.
    """
    adopt(client)
    for counted in COUNTED:
        for days in _portions(unsealed(client, counted, quiet_s=quiet_s)):
            seal_days(client, counted, days)
            yield len(days)


def adopt(client: Client) -> None:
    """Touch days that have sets and were never touched: an insert that began before there was a `touched` missed it."""
    for counted in COUNTED:
        client.command(
            f"INSERT INTO touched (org_id, day, at) SELECT org_id, toDate(slot) AS day, now64(6, 'UTC') FROM {counted.sets} "
            "WHERE (org_id, toDate(slot)) NOT IN (SELECT org_id, day FROM touched) GROUP BY org_id, day",
            settings=dict(_GENTLE),
        )


def unsealed(client: Client, counted: Counted, *, quiet_s: float = QUIET_S) -> list[Day]:
    """Finished days, left alone for `quiet_s` seconds, whose seal does not hold; in order of month, organisation, day."""
    rows = client.query(
        _UNSEALED, parameters={"sets": counted.sets, "quiet_us": int(quiet_s * 1_000_000)}
    ).result_rows
    return [Day(str(org), day, int(as_of)) for org, day, as_of in rows]


def seal_days(client: Client, counted: Counted, days: Sequence[Day]) -> None:
    """Count the days (of one month) from their sets, then say that it was done.

    Dying in between leaves days that are not sealed, which are read from the sets.
    """
    asked = {"days": [(each.org_id, each.day, each.as_of) for each in days]}
    client.command(_count_of(counted), parameters=asked, settings=dict(_GENTLE))
    client.command(_SEAL, parameters={**asked, "sets": counted.sets}, settings=dict(INSERT_SETTINGS))


def differing(client: Client, counted: Counted) -> list[tuple[str, date]]:
    """Sealed days whose counts are not what their sets say: none, or the tables were changed by hand."""
    keys = ", ".join(counted.keys)
    rows = client.query(
        f"""
        SELECT org_id, day
        FROM (
          SELECT org_id, day, {keys}, arrayJoin(arrayEnumerate(counts)) - 1 AS number, toInt64(counts[number + 1]) AS events
          FROM {counted.days} FINAL
          UNION ALL
          SELECT org_id, toDate(slot) AS day, {keys}, {_NUMBER} AS number, -toInt64(uniqExactMerge(events))
          FROM {counted.sets} AS sets GROUP BY org_id, sets.slot, {keys}
        )
        WHERE (org_id, day) IN ({_HOLDING})
        GROUP BY org_id, day, {keys}, number HAVING sum(events) != 0
        ORDER BY org_id, day
        LIMIT 1 BY org_id, day
        """,
        parameters={"sets": counted.sets},
    ).result_rows
    return [(str(org), day) for org, day in rows]


def _count_of(counted: Counted) -> str:
    """The statement that counts days. Keys counted before and gone from the sets become zeros."""
    keys = ", ".join(counted.keys)
    return f"""
INSERT INTO {counted.days} (org_id, day, {keys}, counts, as_of)
WITH wanted AS (
  SELECT each.1 AS org_id, each.2 AS day, fromUnixTimestamp64Micro(each.3, 'UTC') AS as_of
  FROM (SELECT arrayJoin({{days:Array(Tuple(String, Date, Int64))}}) AS each)
)
SELECT org_id, day, {keys}, sumResample(0, {SLOTS}, 1)(events, number) AS counts, any(as_of) AS as_of
FROM (
  SELECT org_id, toDate(slot) AS day, {keys}, {_NUMBER} AS number, uniqExactMerge(events) AS events
  FROM {counted.sets} AS sets
  WHERE (org_id, toDate(slot)) IN (SELECT org_id, day FROM wanted)
  GROUP BY org_id, sets.slot, {keys}
  UNION ALL
  SELECT org_id, day, {keys}, 0 AS number, 0 AS events
  FROM {counted.days}
  WHERE (org_id, day) IN (SELECT org_id, day FROM wanted)
) AS counted
INNER JOIN wanted USING (org_id, day)
GROUP BY org_id, day, {keys}
"""


def _portions(days: Iterable[Day]) -> Iterator[list[Day]]:
    for _, month in groupby(days, key=lambda each: (each.day.year, each.day.month)):
        portion = list(month)
        yield from (portion[at : at + DAYS_AT_ONCE] for at in range(0, len(portion), DAYS_AT_ONCE))


class Sealer:
    """Seals in a thread of its own every `every_s` seconds, while `is_mine` says so; what fails is tried next time.

    `is_mine` spares several sinks the same work; they would do no harm. The thread is a daemon.
    """

    def __init__(
        self,
        settings: ClickHouseSettings,
        *,
        every_s: float,
        is_mine: Callable[[], bool],
        on_sealed: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._settings, self._every_s, self._is_mine, self._on_sealed = settings, every_s, is_mine, on_sealed
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="seal", daemon=True)

    def start(self) -> None:
        if self._every_s > 0:
            self._thread.start()

    def stop(self) -> None:
        """Ask it to end; a statement under way ends by itself or with the process."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(self._every_s * random.uniform(0.5, 1)):
            if not self._is_mine():
                continue
            try:
                with closing(connect(self._settings)) as client:
                    self._seal(client)
            except (ClickHouseError, OSError) as error:
                log.warning("cannot seal days: %s: %s", type(error).__name__, str(error).partition("\n")[0])

    def _seal(self, client: Client) -> None:
        began = time.monotonic()
        for sealed in seal(client):
            self._on_sealed(sealed)
            if self._stopped.wait(min(REST * (time.monotonic() - began), REST_MAX_S)):
                return
            began = time.monotonic()
