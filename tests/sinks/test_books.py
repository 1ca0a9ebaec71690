"""The books' queries: going on from sealed books gives what closing them whole gives."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from random import Random

import pytest
from tests.sinks.lines import RECEIVED, enriched, event

from trailhouse.sinks.books import _CONFLICTS, _KNOWN, Books, Judged, Key, read_books
from trailhouse.sinks.clickhouse import Client, insert_lines


class Log:
    """Lines of three partitions under two topic ids, written and marked step by step; ids come again now and then."""

    def __init__(self, client: Client, seed: int) -> None:
        self._client, self._random = client, Random(seed)
        self.hwms: dict[Key, int] = {}
        self._steps = 0

    def grow(self, *, lost: int = 0) -> None:
        """Some more lines on some partitions; `lost` of them never land, though the mark covers them."""
        self._steps += 1
        for key in (("id-a", 0), ("id-a", 2), ("id-b", 0)):
            if self._random.random() < 0.4 and not lost:
                continue
            start, count = self.hwms.get(key, -1) + 1, self._random.randint(1, 25)
            made = [
                b"broken" if self._random.random() < 0.1 else event(self._random.randint(1, 60))
                for _ in range(count)
            ]
            lines = enriched(
                made,
                epoch=key[0],
                partition=key[1],
                start=start,
                received=RECEIVED
                + timedelta(hours=7 * self._steps, days=9 * key[1]),  # brokers' clocks differ
            )
            insert_lines(self._client, "landing", lines[lost:] if key == ("id-a", 0) else lines)
            self.hwms[key] = start + count - 1


def minted(moment: datetime, number: int) -> str:
    """A UUIDv7 of that moment."""
    return (
        f"{int(moment.timestamp() * 1000):012x}"[:8]
        + f"-{int(moment.timestamp() * 1000) & 0xFFFF:04x}-7000-8000-{number:012x}"
    )


def test_a_closing_reads_what_was_minted_in_the_same_hours(database: Client) -> None:
    """Of a long history the books need the granules that can hold a copy: its cost does not grow with the rest."""
    for day in range(4):
        received = RECEIVED + timedelta(days=day)
        lines = enriched(
            [event(n, event_id=minted(received, n)) for n in range(10)], start=10 * day, received=received
        )
        insert_lines(database, "landing", lines)
    epoch = "epoch-a"
    judged = Judged.between({(epoch, 0): 39}, {(epoch, 0): 29}, None)
    for sql in (_KNOWN, _CONFLICTS):
        told = "\n".join(str(row[0]) for row in judged.query(database, f"EXPLAIN indexes = 1 {sql}"))
        (read, of) = map(int, re.findall(r"Name: minted\n(?:.*\n){2}\W*Parts: (\d+)/(\d+)", told)[0])
        assert read == 1 < of


@pytest.mark.parametrize("seed", range(2))
def test_going_on_is_closing_whole(database: Client, seed: int) -> None:
    """However often they were sealed in between; nothing new is nothing to read."""
    log, sealed = Log(database, seed), None
    books = read_books(database, log.hwms)
    for _ in range(6):
        log.grow()
        books = read_books(database, log.hwms, sealed)
        assert books == read_books(database, log.hwms)
        assert books.is_clean
        sealed = books.sealed
        assert read_books(database, log.hwms, sealed) == books
    assert books.events > books.distinct


def test_nothing_marked_is_nothing_to_read(database: Client) -> None:
    """A stack without a commit has empty books."""
    insert_lines(database, "landing", enriched([event(1)]))
    assert read_books(database, {}) == Books({})
    assert read_books(database, {("epoch-a", 0): -1}) == Books({})


def test_what_is_lost_after_the_seal_is_seen(database: Client) -> None:
    """A hole right behind the sealed part, an event that `events` lost, a count that is gone, a reject unlisted."""
    log = Log(database, 5)
    log.grow()
    log.hwms.setdefault(("id-a", 0), -1)
    sealed = read_books(database, log.hwms).sealed
    hole = log.hwms["id-a", 0] + 1
    log.grow(lost=1)
    assert read_books(database, log.hwms, sealed).holes == (("id-a", 0, hole, hole),)
    lines = enriched([event(900), event(901), b"broken"], epoch="id-c", received=RECEIVED + timedelta(days=9))
    insert_lines(database, "landing", lines)
    moment = str(event(901)["occurred_at"])
    for table, condition in (
        ("events", f"event_id = '{event(900)['event_id']}'"),
        ("action_slots", f"slot = toStartOfFifteenMinutes(toDateTime64('{moment[:-1]}', 3, 'UTC'))"),
        ("rejected", "epoch = 'id-c'"),
    ):
        database.command(f"ALTER TABLE {table} DELETE WHERE {condition} SETTINGS mutations_sync = 2")
    found = read_books(database, {("id-c", 0): 2}, sealed)
    assert (found.absent, found.uncounted, found.unlisted) == (1, 1, 1)
    assert not found.is_clean
    whole = read_books(database, {("id-c", 0): 2})
    assert (whole.absent, whole.uncounted, whole.unlisted) == (1, 1, 1)


def test_conflicts_across_the_seal(database: Client) -> None:
    """The same id with other content is found when its second copy lands, and stays known; equal copies are none."""
    insert_lines(database, "landing", enriched([event(1), event(2), event(3)]))
    hwms = {("epoch-a", 0): 2}
    sealed = read_books(database, hwms).sealed
    later = [event(1), event(2, action="page:open"), event(3, org_id="other", action="x")]
    insert_lines(database, "landing", enriched(later, start=3, received=RECEIVED + timedelta(days=2)))
    hwms = {("epoch-a", 0): 5}
    found = read_books(database, hwms, sealed)
    assert found.conflicts == {("acme", str(event(2)["event_id"]))}
    assert found == read_books(database, hwms)
    assert read_books(database, hwms, found.sealed).conflicts == found.conflicts
    assert found.is_clean


def test_many_partitions(database: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than the primary key is asked about one by one: the same answer."""
    log = Log(database, 8)
    log.grow()
    sealed = read_books(database, log.hwms).sealed
    log.grow()
    few = read_books(database, log.hwms, sealed)
    monkeypatch.setattr("trailhouse.sinks.books.PLACES_MAX", 1)
    assert read_books(database, log.hwms, sealed) == few
