"""`Store`: retries with the same rows, halving down to the poison row, burying before storing its envelope."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence

import orjson
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError
from tests.sinks.lines import enriched, event

from trailhouse.sinks.errors import StorageRefused
from trailhouse.sinks.head import Head
from trailhouse.sinks.writer import BACKOFF_MAX_S, POISON_MAX, Store, poison_envelope


class Table:
    """A writer that stores in a list, and refuses what it is told to refuse."""

    def __init__(self, refuse: Callable[[Sequence[bytes]], Exception | None] = lambda _: None) -> None:
        self.refuse = refuse
        self.rows: list[bytes] = []
        self.inserts: list[list[bytes]] = []
        self.log: list[str] = []

    def look_again(self) -> None:
        pass

    def write(self, lines: Sequence[bytes], table: str = "landing") -> None:
        self.inserts.append(list(lines))
        if (error := self.refuse(lines)) is not None:
            raise error
        self.rows += lines
        self.log.append("stored")


def refusing(*poison: bytes) -> Callable[[Sequence[bytes]], Exception | None]:
    bad = set(poison)
    return lambda lines: StorageRefused(27, "cannot parse") if bad.intersection(lines) else None


def failing(*errors: Exception) -> Callable[[Sequence[bytes]], Exception | None]:
    left = list(errors)
    return lambda _: left.pop(0) if left else None


def never() -> bool:
    return False


def nowhere(*_: object) -> None:
    """Buries, waits and counts without a trace."""


def no_burial(head: Head, line: bytes, why: str) -> None:
    raise AssertionError(why)


LINES = enriched(event(n) for n in range(50))


def test_stored_at_once() -> None:
    """Rows nobody refuses go in with one insert."""
    table = Table()
    assert Store(table, is_stale=never, bury=no_burial).store(LINES)
    assert table.inserts == [LINES]


def test_nothing_to_store() -> None:
    """A batch of repeats has no rows, and is stored without asking anybody."""
    table = Table()
    assert Store(table, is_stale=never, bury=no_burial).store([])
    assert table.inserts == []


@pytest.mark.parametrize(
    "error",
    [
        DatabaseError("too many parts", code=252),
        DatabaseError("memory limit", code=241),
        DatabaseError("read only", code=164),
        DatabaseError("a view throws", code=395),
        DatabaseError("no such table", code=60),
        OperationalError("connection refused"),
        ConnectionResetError("reset"),
        TimeoutError("no answer"),
    ],
    ids=lambda error: type(error).__name__ + str(getattr(error, "code", "")),
)
def test_a_refusal_that_is_no_rows_fault_is_retried_with_the_same_rows(error: Exception) -> None:
    """Back off and insert the very same rows, however often it takes; nothing is buried."""
    table, retries = Table(failing(*[error] * 9)), []
    store = Store(
        table,
        is_stale=never,
        bury=no_burial,
        on_retry=lambda: retries.append(1),
        sleep=nowhere,
    )
    assert store.store(LINES)
    assert table.inserts == [LINES] * 10
    assert table.rows == LINES
    assert len(retries) == 9


def test_waits_grow_up_to_a_limit() -> None:
    """Waits double with some chance in them, and never exceed the limit."""
    waits: list[float] = []
    table = Table(failing(*[ConnectionResetError()] * 12))
    assert Store(table, is_stale=never, bury=no_burial, sleep=waits.append).store(LINES)
    assert waits[0] < 0.06
    assert all(later > 0 for later in waits)
    assert BACKOFF_MAX_S / 2 <= max(waits) <= BACKOFF_MAX_S
    assert waits[3] > waits[0]


def test_stale_gives_up() -> None:
    """Once the partitions are not ours, waiting ends and nothing more is inserted."""
    table = Table(failing(*[ConnectionResetError()] * 100))
    stale = iter([False, False, True, True])
    assert not Store(table, is_stale=lambda: next(stale), bury=no_burial, sleep=nowhere).store(LINES)
    assert len(table.inserts) == 2
    assert table.rows == []


def test_stale_gives_up_between_halves() -> None:
    """Also in the middle of a search for poison."""
    table = Table(refusing(LINES[40]))
    stale = iter([False, False, True, True, True])
    assert not Store(table, is_stale=lambda: next(stale), bury=no_burial).store(LINES)
    assert table.rows == LINES[:25]


@pytest.mark.parametrize("position", [0, 1, 4999, 7321, 9999])
def test_one_poison_row_in_ten_thousand(position: int) -> None:
    """Halving finds it within 2·log2(n)+2 inserts; all other rows are stored, its envelope in its place."""
    lines = enriched(event(n) for n in range(10_000))
    table, buried = Table(refusing(lines[position])), []
    store = Store(table, is_stale=never, bury=lambda head, line, why: buried.append((head.offset, line, why)))
    assert store.store(lines)
    assert len(table.inserts) <= 2 * math.ceil(math.log2(len(lines))) + 2
    assert buried == [(position, lines[position], "ClickHouse code 27")]
    envelopes = set(table.rows) - set(lines)
    assert set(lines) - set(table.rows) == {lines[position]}
    assert len(table.rows) == len(lines)
    (envelope,) = map(orjson.loads, envelopes)
    assert (envelope["from"], envelope["offset"], envelope["reason"]) == (position, position, "unstorable")


def test_the_dead_letter_is_safe_before_the_envelope_is_stored() -> None:
    """An envelope without its dead letter would be a loss with closed books."""
    table = Table(refusing(LINES[7]))
    store = Store(table, is_stale=never, bury=lambda *_: table.log.append("buried"))
    assert store.store(LINES[7:8])
    assert table.log == ["buried", "stored"]


def test_a_failing_burial_stores_and_promises_nothing() -> None:
    """The error reaches the caller, who then commits nothing; no envelope was stored."""
    table = Table(refusing(LINES[7]))

    def bury(head: Head, line: bytes, why: str) -> None:
        raise OSError("Kafka is away")

    with pytest.raises(OSError, match="Kafka is away"):
        Store(table, is_stale=never, bury=bury).store(LINES)
    assert not [row for row in table.rows if b"unstorable" in row]


def test_too_much_poison_stops() -> None:
    """More than POISON_MAX refused rows are the schema's fault: stop, with the refusal."""
    lines = enriched(event(n) for n in range(POISON_MAX + 1))
    table, buried = Table(refusing(*lines)), []
    store = Store(table, is_stale=never, bury=lambda head, *_: buried.append(head.offset))
    with pytest.raises(StorageRefused):
        store.store(lines)
    assert buried == list(range(POISON_MAX))


def test_as_much_poison_as_allowed() -> None:
    """POISON_MAX rows are still rows' faults."""
    lines = enriched(event(n) for n in range(POISON_MAX + 1))
    table, buried = Table(refusing(*lines[:-1])), []
    assert Store(table, is_stale=never, bury=lambda head, *_: buried.append(head.offset)).store(lines)
    assert len(buried) == POISON_MAX
    assert lines[-1] in table.rows


def test_a_refused_envelope_stops() -> None:
    """An envelope is never buried in turn."""
    (envelope,) = enriched([b"not json"])
    table = Table(refusing(envelope))
    with pytest.raises(StorageRefused):
        Store(table, is_stale=never, bury=no_burial).store([envelope])


def test_the_envelope_of_a_poison_row_says_where_and_why_and_nothing_else() -> None:
    """Place, reason, size, digest and organisation; no content."""
    (line,) = enriched([event(1, actor_email="canary@example.org")])
    head = Head("epoch-a", 0, 3, 5, "2026-03-02T09:00:00Z", org_id="acme")
    envelope = orjson.loads(poison_envelope(head, line, 27))
    assert envelope.pop("digest")
    assert envelope == {
        "epoch": "epoch-a",
        "partition": 0,
        "from": 3,
        "offset": 5,
        "received_at": "2026-03-02T09:00:00Z",
        "reason": "unstorable",
        "detail": "ClickHouse code 27",
        "size": len(line),
        "rules": "2",
        "org_id": "acme",
    }


def test_logs_hold_no_content(caplog: pytest.LogCaptureFixture) -> None:
    """What is logged of retries and poison rows are counts, codes and places."""
    (line,) = enriched([event(1, actor_email="canary@example.org", actor_name="Canary")])
    errors: list[Exception] = [
        DatabaseError("Cannot parse: canary@example.org", code=241),
        StorageRefused(27, "no"),
    ]
    table = Table(failing(*errors))
    with caplog.at_level(logging.DEBUG):
        assert Store(table, is_stale=never, bury=nowhere, sleep=nowhere).store([line])
    assert "code 241" in caplog.text
    assert "anary" not in caplog.text
