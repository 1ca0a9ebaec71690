"""What Trailhouse does is audited like anything else: reads, exports, keys, erasures and refusals are events of its own.

They are ordinary events on the raw topic, with `source` "trailhouse", in the organisation that was read or changed, and
`INSTALLATION` where it is none. No setting turns them off, and none is left out. While Kafka is away the spool keeps
them; where nothing can keep one, what it would tell of does not happen (`NotRecorded`). They cannot loop: recording
reads nothing, each request is one event, whatever it reads, and sending events to the collector is none.

Their ids are UUIDs of version 8, which the collector takes from nobody, so no sender can claim one for another event.
Who writes to the raw topic by himself could write such events too; the collector takes none that say they are ours.
"""

from __future__ import annotations

import getpass
import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from trailhouse.producers.client import AuditProducer
from trailhouse.producers.errors import AuditError, DeliveryFailed, SettingsError
from trailhouse.producers.event import ORG_ID, ActorType, Outcome, Scalar, mint_id
from trailhouse.producers.settings import BufferSettings, KafkaSettings, SendingSettings
from trailhouse.queries.errors import NotRecorded
from trailhouse.queries.key import Key
from trailhouse.stream.correlation import current

SOURCE: Final = "trailhouse"
# An organisation's id: what concerns none, or all of them, is recorded there.
INSTALLATION: Final = "trailhouse:installation"
# Whoever waits for its record waits so long for room in a full spool.
ROOM_WAIT_MS: Final = 1_000
CLOSE_S: Final = 2.0
REFUSALS_IN_FULL: Final = 10
REFUSALS_WINDOW_S: Final = 600.0
REFUSED_ORGS_MAX: Final = 16
_VERSION_AT: Final = 14  # of a UUID as text
_OWN_VERSION: Final = "8"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Who:
    """Who did something: the holder of a key, whoever operates the machine, or nobody known.

    `username` and `address` are personal data: they are sent in the contract's fields for that, which keep them apart.
    `orgs` = where a refusal of theirs is recorded; none = the installation.
    """

    actor_type: ActorType = ActorType.ANONYMOUS
    username: str = ""
    key_id: str = ""
    address: str = ""
    orgs: tuple[str, ...] = ()

    @classmethod
    def of_key(cls, key: Key, address: str = "") -> Self:
        """The holder of a key that is good."""
        kind = ActorType.SERVICE_ACCOUNT if key.is_service_account else ActorType.USER
        return cls(kind, key.username, key.key_id, address, homes_of(key.orgs))

    @classmethod
    def guessing(cls, key: Key, address: str = "") -> Self:
        """Somebody who showed the id of a key without its secret: whose key it is says nothing of who that was."""
        return cls(key_id=key.key_id, address=address, orgs=homes_of(key.orgs))

    @classmethod
    def operator(cls) -> Self:
        """Whoever runs a command on a machine that knows the installation's passwords."""
        return cls(ActorType.SYSTEM, f"operator:{operator_name()}")


def operator_name() -> str:
    """The user of this machine who runs this process."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without an entry, as containers have
        return str(os.getuid())


class SelfAudit:
    """Records what Trailhouse does. From any thread; `record` may block for `ROOM_WAIT_MS`, so not on an event loop.

    `make` gives the producer when it is first needed.
    """

    def __init__(
        self, make: Callable[[], AuditProducer], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._make, self._lock = make, threading.Lock()
        self._producer: AuditProducer | None = None
        self._refusals = Refusals(clock)

    def open(self) -> AuditProducer:
        """Make the producer, which also sends what a process that is gone has left; raises nothing a second time."""
        with self._lock:
            if self._producer is None:
                self._producer = self._make()
            return self._producer

    def record(  # noqa: PLR0913 - each is something of a deed
        self,
        action: str,
        org: str | None,
        who: Who,
        *,
        outcome: Outcome = Outcome.SUCCESS,
        target: str = "",
        details: Mapping[str, Scalar] | None = None,
    ) -> str:
        """Record one deed in the log of `org` (None = the installation); returns the event's id.

        `action` is one of `producers.actions.OWN`. `details` say what was read or changed without personal data: names
        of reports and fields, counts, dates; never what somebody searched for. `target` = to whom it was done. Raises `NotRecorded`: the deed must not
        go on, or its result must not be handed out.
        """
        given = {"key_id": who.key_id, **(details or {})}
        try:
            return self.open().emit(
                action,
                event_id=own_id(),
                org_id=org if org and ORG_ID.fullmatch(org) else INSTALLATION,
                actor_type=who.actor_type,
                actor_user_id=who.username or None,
                actor_ip=who.address or None,
                user_asset=target or None,
                outcome=outcome,
                source=SOURCE,
                correlation_id=current() or None,
                attributes={name: value for name, value in given.items() if value not in {None, ""}},
            )
        except AuditError as error:
            log.error("cannot record %s: %s", action, error)
            raise NotRecorded(action) from error

    def refuse(self, who: Who, rule: str, details: Mapping[str, Scalar] | None = None) -> None:
        """Record a refused access in the log of whom it concerns; raises nothing: it is refused already.

        `rule` is a word for what was wrong. Of one who goes on the first ten within ten minutes are recorded, then
        each time they have doubled, with their number: guessing cannot flood the log, and cannot hide in it.
        """
        if not (attempts := self._refusals.count((who.key_id, rule))):
            return
        for org in who.orgs or (None,):
            try:
                self.record(
                    "access:denied",
                    org,
                    who,
                    outcome=Outcome.DENIED,
                    details={"rule": rule, "attempts": attempts, **(details or {})},
                )
            except NotRecorded:
                return  # it is logged

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Send what is left, or leave it to the spool; what neither took is logged."""
        if self._producer is None:
            return
        try:
            self._producer.close(timeout_s)
        except DeliveryFailed as error:
            log.error("records of what was read are lost: %s", error)


class Refusals:
    """Which of many refusals are told: in a window the first ten, then those at which their number has doubled.

    Subjects are keys that exist and rules, so they are few; whoever shows no such key is one subject together.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._counts: dict[tuple[str, str], tuple[float, int]] = {}

    def count(self, subject: tuple[str, str]) -> int:
        """How many there were in this window, this one included, if this one is told; else 0."""
        with self._lock:
            now = self._clock()
            since, count = self._counts.get(subject, (now, 0))
            if now - since >= REFUSALS_WINDOW_S:
                since, count = now, 0
            self._counts[subject] = since, (count := count + 1)
        times, rest = divmod(count, REFUSALS_IN_FULL)
        is_told = count <= REFUSALS_IN_FULL or (not rest and times & (times - 1) == 0)
        return count if is_told else 0


def own_id() -> str:
    """An id for a record of ours: as any new event's, with version 8 (RFC 9562: of one's own making) in place of 7."""
    minted = mint_id()
    return minted[:_VERSION_AT] + _OWN_VERSION + minted[_VERSION_AT + 1 :]


def is_own(event_id: str) -> bool:
    """Whether an id, in the contract's spelling, is of the kind that is kept for our records."""
    return event_id[_VERSION_AT] == _OWN_VERSION


def open_self_audit(
    kafka: KafkaSettings, environ: Mapping[str, str], *, spool: Path | None = None
) -> SelfAudit:
    """The self-audit that sends to `kafka`; `spool` = the folder of its spool, else as `environ` says.

    Raises `SettingsError` where `environ` would keep events from being sent: this log has no switch.
    """
    if SendingSettings.from_env(environ).send == "never":
        raise SettingsError("TRAILHOUSE_SEND", "never", "auto or always: what is read is always recorded")
    return SelfAudit(
        lambda: AuditProducer(kafka, spool=spool, buffer=BufferSettings(max_block_ms=ROOM_WAIT_MS))
    )


def homes_of(orgs: Collection[str] | None) -> tuple[str, ...]:
    """Whose logs tell of somebody with rights in these organisations; of too many, or all, it is the installation's: ()."""
    return tuple(sorted(orgs or ())) if len(orgs or ()) <= REFUSED_ORGS_MAX else ()
