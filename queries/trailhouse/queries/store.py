"""ClickHouse as the queries see it: driver errors turned into ours, and a pool of clients for threads."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from trailhouse.queries.errors import QueryError, StorageUnavailable, UnknownOrg
from trailhouse.queries.self_audit import INSTALLATION
from trailhouse.sinks.clickhouse import ClickHouseError, Client, connect, error_code
from trailhouse.sinks.org_settings import OrgSettings, org_settings
from trailhouse.sinks.settings import ClickHouseSettings

QUERY_TIMEOUT_S: Final = 60.0
_TOO_LONG: Final = frozenset({159, 160, 209})
_TOO_LARGE: Final = frozenset({241, 307, 158})
# A parameterised view that is missing is to the server a table function it does not know.
_NO_TABLE: Final = frozenset({46, 60, 81})
_NOT_US: Final = frozenset({192, 193, 194, 497, 516})


@contextmanager
def our_errors() -> Iterator[None]:
    """Turn the driver's errors into `QueryError`s that say what to do; the server's text never quotes parameters."""
    try:
        yield
    except ClickHouseError as error:
        code = error_code(error)
        if code is None:
            raise StorageUnavailable(
                "ClickHouse does not answer", "is it running? `trailhouse status` tells; try again"
            ) from error
        if code in _TOO_LONG:
            raise StorageUnavailable(
                "the report took too long", "ask for a shorter period, or try again later"
            ) from error
        if code in _TOO_LARGE:
            raise StorageUnavailable(
                "the report needs more memory than it may use", "ask for a shorter period"
            ) from error
        if code in _NO_TABLE:
            raise StorageUnavailable(
                "the database lacks a table or view", "run `trailhouse migrate`"
            ) from error
        if code in _NOT_US:
            raise StorageUnavailable(
                "ClickHouse refused this user", "check the user and password in TRAILHOUSE_CLICKHOUSE_DSN"
            ) from error
        raise QueryError(
            f"ClickHouse refused the report: code {code}",
            "this is a mistake of ours; its log has the whole text",
        ) from error


def is_too_heavy(error: QueryError) -> bool:
    """Whether ClickHouse answered, and gave the question up because it took too long or too much memory."""
    cause = error.__cause__
    return isinstance(cause, ClickHouseError) and error_code(cause) in _TOO_LONG | _TOO_LARGE


@dataclass(frozen=True, slots=True)
class ClickHouseStore:
    """What questions look up before they are complete (`question.Store`)."""

    client: Client

    def orgs(self) -> list[str]:
        """Every organisation with a stored event, in alphabetical order; the installation itself is none."""
        text = "SELECT DISTINCT org_id FROM action_slots WHERE org_id != {none:String} ORDER BY org_id"
        with our_errors():
            rows = self.client.query(text, parameters={"none": INSTALLATION}).result_rows
        return [str(row[0]) for row in rows]

    def settings(self, orgs: Sequence[str]) -> list[OrgSettings]:
        """What is said of these organisations; those of which nothing is said are left out."""
        with our_errors():
            return org_settings(self.client, orgs)

    def said(self) -> list[OrgSettings]:
        """What is said of any organisation; for whoever shows no more of it than its reader may know."""
        with our_errors():
            return org_settings(self.client)

    def company(self, name: str) -> list[str]:
        """The organisations of a company, in alphabetical order."""
        with our_errors():
            return [each.org_id for each in org_settings(self.client, company=name)]

    def first_event(self, org: str) -> datetime | None:
        """When the organisation's first event occurred; None when it has none."""
        # The quarter-hours are few and sorted; only the first one's events are then read. The bound is a DateTime64
        # too: against a DateTime the engine loses what happened in the last millisecond before it.
        text = """
            SELECT toUnixTimestamp64Milli(min(occurred_at)) FROM events
            WHERE org_id = {org:String} AND occurred_at < (
              SELECT toDateTime64(min(slot) + 900, 3, 'UTC') FROM action_slots WHERE org_id = {org:String}
            )
            HAVING count() > 0
        """
        return moment_of(self._scalar(text, {"org": org}))

    def knows(self, org: str) -> bool:
        """Whether that is an organisation: one that no event names is not made one by being asked for."""
        return self.first_event(org) is not None

    def check_known(self, org: str, or_else: str = "") -> None:
        """Raise `UnknownOrg` for one that no event names, with the closest one there is; for operators alone."""
        if not self.knows(org):
            raise UnknownOrg(org, self.orgs(), or_else)

    def first_reject(self, org: str) -> datetime | None:
        """When the organisation's first rejected record arrived, "" = anybody's; None when there is none."""
        text = """
            SELECT toUnixTimestamp64Milli(min(received_at)) FROM rejected
            WHERE {org:String} IN ('', org_id) HAVING count() > 0
        """
        return moment_of(self._scalar(text, {"org": org}))

    def landed_until(self) -> datetime | None:
        """When the broker received the newest record that is stored, of any organisation; None before the first."""
        return moment_of(
            self._scalar("SELECT toUnixTimestamp64Milli(max(received_at)) FROM landed HAVING count() > 0", {})
        )

    def _scalar(self, text: str, parameters: Mapping[str, Any]) -> Any:
        with our_errors():
            rows = self.client.query(text, parameters=dict(parameters)).result_rows
        return rows[0][0] if rows else None


class Pool:
    """At most `size` clients, each lent to one thread at a time; a client opens when it is first needed."""

    def __init__(
        self,
        settings: ClickHouseSettings,
        *,
        size: int = 8,
        wait_s: float = 10.0,
        timeout_s: float = QUERY_TIMEOUT_S,
    ) -> None:
        self._settings, self._wait_s, self._timeout_s = settings, wait_s, timeout_s
        self._slots: queue.LifoQueue[Client | None] = queue.LifoQueue()
        for _ in range(size):
            self._slots.put(None)

    @contextmanager
    def client(self) -> Iterator[Client]:
        """Lend a client; raises `StorageUnavailable` when ClickHouse is away or all stay busy for `wait_s`."""
        try:
            client = self._slots.get(timeout=self._wait_s)
        except queue.Empty:
            raise StorageUnavailable(
                "all connections to ClickHouse are busy", "try again in a moment"
            ) from None
        try:
            if client is None:
                with our_errors():
                    client = connect(self._settings, timeout_s=self._timeout_s)
            yield client
        finally:
            self._slots.put(client)

    def close(self) -> None:
        """Close the clients that are not lent."""
        while True:
            try:
                client = self._slots.get_nowait()
            except queue.Empty:
                return
            if client is not None:
                client.close()


def moment_of(millis: int | None) -> datetime | None:
    """Milliseconds since 1970 as an instant in UTC."""
    return None if millis is None else datetime.fromtimestamp(millis / 1000, UTC)
