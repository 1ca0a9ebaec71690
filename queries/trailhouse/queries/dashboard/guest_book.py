"""What the processes of one dashboard know together of who signed in: ended sessions, and persons' default organisations.

It is read with the keys and as often, so signing out holds at every process as soon as a revocation would. What cannot
be written waits here and is tried again with each reading; until then the session is ended in this process alone.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Final

from trailhouse.queries.dashboard.session import LIFE_S, Session, Sessions, mark_of
from trailhouse.queries.errors import QueryError
from trailhouse.queries.guest_table import add_ended, load_default_orgs, load_ended
from trailhouse.queries.store import Pool
from trailhouse.sinks.clickhouse import Client

#: By how much the clocks of processes may differ.
CLOCKS_S: Final = 3_600
log = logging.getLogger(__name__)


class GuestBook:
    """`writers` lends clients that may write it. For any thread; all but `default_org` block."""

    def __init__(self, sessions: Sessions, writers: Pool) -> None:
        self._sessions, self._writers = sessions, writers
        self._lock = threading.Lock()
        self._waiting: dict[str, float] = {}
        self._chosen: Mapping[str, str] = {}
        self._is_refused = False

    def end(self, session: Session) -> None:
        """Let its cookie be worth nothing, wherever a copy of it may be; raises nothing."""
        self._sessions.end(session)
        with self._lock:
            self._waiting[mark_of(session.nonce)] = self._sessions.now()
        self._write()

    def read(self, client: Client) -> None:
        """As the store has it now; raises `QueryError`, then all stays as it was."""
        self._write()
        ended = load_ended(client, self._sessions.now() - LIFE_S - CLOCKS_S)
        chosen = load_default_orgs(client)
        self._sessions.learn(ended)
        self._chosen = chosen

    def default_org(self, subject: str) -> str:
        """What a person chose, as of the last reading; '' = nothing."""
        return self._chosen.get(subject, "")

    def _write(self) -> None:
        with self._lock:
            now = self._sessions.now()
            self._waiting = {mark: at for mark, at in self._waiting.items() if now - at <= LIFE_S}
            waiting = dict(self._waiting)
        if not waiting:
            return
        try:
            with self._writers.client() as client:
                add_ended(client, waiting)
        except QueryError as error:
            if not self._is_refused:
                log.warning(
                    "who signed out is signed out at this process alone for now: %s; may the user of "
                    "TRAILHOUSE_API_SETTINGS_DSN insert into ended_sessions?",
                    error,
                )
            self._is_refused = True
            return
        self._is_refused = False
        with self._lock:
            self._waiting = {mark: at for mark, at in self._waiting.items() if mark not in waiting}
