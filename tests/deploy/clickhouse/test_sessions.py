"""Sessions."""

from __future__ import annotations

from typing import Any

import pytest

from trailhouse.deploy.clickhouse.errors import EngineError
from trailhouse.deploy.clickhouse.sessions import Sessions


class Connection:
    is_closed = False

    def close(self) -> None:
        self.is_closed = True


def test_one_request_at_a_time() -> None:
    """A session keeps its connection; a second request meanwhile is refused with the server's code."""
    sessions = Sessions(Connection)  # type: ignore[arg-type]
    lease = sessions.lease("a", 60)
    with pytest.raises(EngineError) as caught:
        sessions.lease("a", 60)
    assert caught.value.code == 373
    lease.release()
    assert sessions.lease("a", 60).connection is lease.connection
    assert sessions.lease("b", 60).connection is not lease.connection


def test_sessions_expire() -> None:
    """A session nobody used for its timeout is closed; one in use is not."""
    now, opened = [0.0], []

    def connect() -> Any:
        opened.append(Connection())
        return opened[-1]

    sessions = Sessions(connect, clock=lambda: now[0])
    sessions.lease("idle", 10).release()
    held = sessions.lease("held", 10)
    now[0] = 11
    sessions.lease("new", 10)
    assert [each.is_closed for each in opened] == [True, False, False]
    held.release()
