"""Delivers notices: each to its channel until it is taken, with growing pauses, or given up and shown as dead.

At least once: a notice counts as delivered when the receiver has said so and that is stored; who is killed in between
sends it again under the same id. One channel gets one notice at a time, and a slow one holds up no other, nor do many
slow ones of an organisation hold up another's.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import orjson

from trailhouse.producers.settings import Secret
from trailhouse.queries.alerts import webhook
from trailhouse.queries.alerts.alert import Alert
from trailhouse.queries.alerts.channel import Channel
from trailhouse.queries.alerts.evaluation import Notice
from trailhouse.queries.alerts.fair import FairPool
from trailhouse.queries.alerts.mail import Mailer
from trailhouse.queries.alerts.message import Message, message_of, personal
from trailhouse.queries.alerts.metrics import AlertsMetrics
from trailhouse.queries.alerts.outgoing import Outgoing, Undelivered
from trailhouse.queries.alerts.owner import keys_of, may_see_people, stop_of
from trailhouse.queries.alerts.seal import Seal, SealBroken
from trailhouse.queries.alerts.settings import AlertsSettings
from trailhouse.queries.alerts.slack import blocks_of
from trailhouse.queries.alerts.table import Sending, load_alerts, load_channels, pending, save_sendings
from trailhouse.queries.audit_columns import EVENT
from trailhouse.queries.audit_lines import json_line
from trailhouse.queries.audit_read import source
from trailhouse.queries.errors import QueryError
from trailhouse.queries.store import Pool, our_errors
from trailhouse.sinks.clickhouse import Client

#: Deliveries at once, and of them how many of one organisation: they mostly wait.
AT_ONCE: Final = 16
SHARE: Final = 8
PAUSE_MAX_S: Final = 3_600.0
#: What others put into the table (tests from the dashboard) is looked for this far back.
LOOK_BACK_MS: Final = 86_400_000
Place = tuple[str, str, str]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Senders:
    """The ways out."""

    outgoing: Outgoing
    mailer: Mailer
    seal: Seal
    clock: Callable[[], float] = time.time

    def send(self, channel: Channel, message: Message) -> None:
        """Hand a message to a channel; raises `Undelivered`."""
        try:
            kept = orjson.loads(self.seal.open(channel.sealed).reveal())
        except SealBroken as error:
            raise Undelivered(str(error)) from None
        if channel.kind == "email":
            self.mailer.send(message, kept["to"])
        elif channel.kind == "slack":
            body = orjson.dumps(blocks_of(message))
            headers = {"Content-Type": "application/json", "User-Agent": "Trailhouse"}
            self.outgoing.post(kept["url"], body, headers)
        else:
            body = orjson.dumps(message.to_dict())
            secret, notice_id = Secret(kept["secret"]), message.notice.notice_id
            signed = webhook.headers(secret, notice_id, body, int(self.clock()))
            self.outgoing.post(kept["url"], body, signed)


class Dispatcher:
    """Sends what is due, in threads; `tick` is called again and again from one thread. `clock` gives Unix seconds.

    `may`: whether this process is still the one that delivers; asked before each sending.
    """

    def __init__(  # noqa: PLR0913 - each is something it works with
        self,
        settings: AlertsSettings,
        pool: Pool,
        metrics: AlertsMetrics,
        senders: Senders,
        clock: Callable[[], float] = time.time,
        *,
        may: Callable[[], bool] = lambda: True,
    ) -> None:
        self._may, self._is_stale = may, False
        self._settings, self._pool, self._metrics, self._senders = settings, pool, metrics, senders
        self._clock = clock
        self._threads = FairPool(AT_ONCE, SHARE, "deliver")
        self._waiting: dict[Place, Sending] = {}
        self._busy: dict[tuple[str, str], Future[Sending]] = {}
        self._since = 0

    def tick(self) -> int:
        """Begin what is due; returns how many notices are still to be delivered. Raises `QueryError`."""
        now = int(self._clock() * 1000)
        if self._is_stale and not self._begin_again():
            return len(self._waiting)
        self._collect()
        with self._pool.client() as client:
            found = pending(client, self._since)
            # Where there is nothing to send nobody need know where to.
            is_idle = not found and not self._waiting
            channels = (
                {} if is_idle else {(each.org, each.channel_id): each for each in load_channels(client, None)}
            )
            alerts = (
                {} if is_idle else {(each.org, each.alert_id): each for each in load_alerts(client, None)}
            )
        self._since = now - LOOK_BACK_MS
        for each in found:
            self._waiting.setdefault(_place(each), each)
        for sending in sorted(self._waiting.values(), key=lambda each: (each.next_at, each.created_at)):
            where = (sending.org, sending.channel_id)
            if sending.next_at <= now and where not in self._busy:
                alert, channel = alerts.get((sending.org, sending.alert_id)), channels.get(where)
                work = partial(self._attempt, sending, alert, channel)
                self._busy[where] = self._threads.submit(sending.org, work)
        self._metrics.pending.set(len(self._waiting))
        return len(self._waiting)

    def close(self) -> None:
        """Begin nothing more; what is under way ends by itself or with the process."""
        self._threads.close()

    def forget(self) -> None:
        """Begin again from what is kept, once all that is under way has ended: another process may deliver meanwhile."""
        self._is_stale = True

    @property
    def is_busy(self) -> bool:
        """Whether something is under way."""
        return any(not each.done() for each in self._busy.values())

    def _begin_again(self) -> bool:
        if self.is_busy:
            return False
        self._busy.clear()
        self._waiting.clear()
        self._since, self._is_stale = 0, False
        return True

    def _collect(self) -> None:
        for where, future in list(self._busy.items()):
            if not future.done():
                continue
            del self._busy[where]
            try:
                after = future.result()
            except QueryError as error:
                # It may have been delivered; that it was is not stored, so it is sent again.
                log.warning("a delivery cannot be stored: %s", error)
                self._waiting.clear()
                self._since = 0
                continue
            if after.status == "pending":
                self._waiting[_place(after)] = after
            else:
                self._waiting.pop(_place(after), None)

    def _attempt(self, sending: Sending, alert: Alert | None, channel: Channel | None) -> Sending:
        """Send once and store how it went; raises `QueryError` where that cannot be stored."""
        after = replace(sending, attempts=sending.attempts + 1, status="delivered", error="")
        is_over = channel is None or alert is None
        try:
            if channel is None or alert is None:
                raise Undelivered("its alert or its channel is deleted")
            with self._pool.client() as client:
                # Asked when it is sent: what waits for a second attempt must not go out for a key that is gone.
                stop = stop_of(alert, keys_of(client, [alert]), datetime.now(UTC))
                if stop is not None:
                    is_over = stop.is_final
                    raise Undelivered(stop.reason)
                people = read_people(client, alert, sending.notice)
            message = message_of(alert, sending.notice, self._settings.notifications.url, people)
            if not self._may():
                return sending
            self._senders.send(channel, message)
        except QueryError:
            raise
        except Exception as raised:  # one notice that cannot be sent must not keep the others
            if not isinstance(raised, Undelivered):
                log.exception("a notification could not be made")
            error = (
                raised
                if isinstance(raised, Undelivered)
                else Undelivered(f"a defect of trailhouse: {type(raised).__name__}")
            )
            is_dead = is_over or after.attempts >= self._settings.attempts
            pause = max(min(PAUSE_MAX_S, self._settings.backoff_s * 2**sending.attempts), error.wait_s)
            after = replace(
                after,
                status="dead" if is_dead else "pending",
                error=str(error),
                next_at=int((self._clock() + pause) * 1000),
            )
            if is_dead:
                log.error("notification %s is given up: %s", sending.notice.notice_id, error)
        outcome = {"pending": "failed"}.get(after.status, after.status)
        with self._pool.client() as client:
            save_sendings(client, [after])
        self._metrics.deliveries.labels(outcome).inc()
        return after


def read_people(client: Client, alert: Alert, notice: Notice) -> dict[str, dict[str, Any]]:
    """What is personal of a notice's events, by event id; nothing unless the alert allows it and its owner may see it.

    It is read when it is sent: of somebody who was erased meanwhile there is nothing. Raises `QueryError`.
    """
    if not alert.with_pii or not notice.events:
        return {}
    if not may_see_people(alert, keys_of(client, [alert]), datetime.now(UTC)):
        return {}
    rows = (
        "org_id = {org:String} AND event_id IN {ids:Array(UUID)} "
        "AND toDate(occurred_at) IN {days:Array(Date)}"
    )
    sql = f"SELECT {json_line(EVENT, read_pii=True)} FROM {source(rows, read_pii=True, is_key=True)}"
    bound = {
        "org": alert.org,
        "ids": [each["event_id"] for each in notice.events],
        "days": sorted({str(each["occurred_at"])[:10] for each in notice.events}),
    }
    with our_errors():
        found = [orjson.loads(str(row[0])) for row in client.query(sql, parameters=bound).result_rows]
    places = {each.get("place") for each in notice.events}
    return personal([each for each in found if each.get("place") in places])


def summary(counts: Mapping[tuple[str, str], int], alert_id: str) -> dict[str, int]:
    """How many notices of an alert were delivered, wait, or are dead."""
    found = {status: counts.get((alert_id, status), 0) for status in ("delivered", "pending", "dead")}
    return found | {"dead": found["dead"] + counts.get((alert_id, "lost"), 0)}


def _place(sending: Sending) -> Place:
    return sending.org, sending.notice.notice_id, sending.channel_id
